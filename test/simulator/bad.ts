import type { Remote, SimulatedNode } from './node.ts'

/**
 * What a peer does that says it has everything. It `lies`: sends wrong bytes; `boasts`: has not got what it is asked for;
 * `stalls`: takes requests, and sends nothing; `lures`: stalls once it has been found to be good; `drips`: sends hardly more
 * than is put up with.
 */
export const BAD = ['lies', 'boasts', 'stalls', 'lures', 'drips'] as const
export type Bad = (typeof BAD)[number]

/** Chunks that it gives to each before it stalls: enough that much is asked of it. */
const LURE = 32

type Ask = Remote['ask']

/** @param ask what an honest one does when it is asked */
export const misbehave = (bad: Bad | undefined, ask: Ask): Ask => (bad === undefined ? ask : MISBEHAVIOURS[bad](ask))

const MISBEHAVIOURS: Readonly<Record<Bad, (ask: Ask) => Ask>> = {
  lies: (ask) => (from, job) => ask(from, { ...job, arrive: () => job.arrive('wrong') }),
  boasts: () => (_from, job) => job.refuse('lacks'),
  stalls: () => () => {},
  lures: (ask) => lure(ask),
  drips: (ask) => ask, // by its line
}

const lure = (ask: Ask): Ask => {
  const given = new Map<SimulatedNode, number>()
  return (from, job) => {
    const count = (given.get(from) ?? 0) + 1
    given.set(from, count)
    if (count <= LURE) ask(from, job)
  }
}
