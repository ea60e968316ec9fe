import { type LinkOptions, createNetwork } from '../../rig/network.ts'
import type { Result } from '../measure.ts'
import { measureMesh } from './mesh.ts'
import { measureOthers } from './others.ts'
import { report } from './report.ts'
import { sizeOf } from './rounds.ts'
import type { Spread } from './spread.ts'

/** Two sites of four, the seed among them. Rates are Mbit/s. */
const PER_SITE = 4
const INSIDE = { up: 1000, down: 1000 }
const BETWEEN = { up: 50, down: 50 }
const ROUND_TRIP_MS = 40
const SIZE = sizeOf(128)
/** Fewer than for the offices: the link takes eleven seconds for each. */
const WARM_UP = { spreads: 2, size: sizeOf(64) }

export const sites = async (): Promise<Result[]> => {
  await using network = await createNetwork({ roundTripMs: ROUND_TRIP_MS })
  const routers = { near: await network.attach(BETWEEN), far: await network.attach(BETWEEN) }
  const attach = (site: 'near' | 'far'): ReturnType<typeof network.attach> =>
    network.attach({ ...INSIDE, behind: routers[site] } satisfies LinkOptions)
  const seed = await attach('near')
  const members = []
  for (let index = 1; index < PER_SITE; index += 1) members.push({ place: await attach('near'), site: 'near' })
  for (let index = 0; index < PER_SITE; index += 1) members.push({ place: await attach('far'), site: 'far' })
  /** With what crosses the link meanwhile, in files. */
  const observe = async <S extends Spread>(spread: () => Promise<S>): Promise<S & { there: number; back: number }> => {
    const delivered = (): Promise<number[]> =>
      Promise.all([routers.far, routers.near].map((place) => network.delivered(place)))
    const before = await delivered()
    const measured = await spread()
    const [there = NaN, back = NaN] = (await delivered()).map((bytes, index) => (bytes - (before[index] ?? NaN)) / SIZE)
    return { ...measured, there, back }
  }
  const ours = await measureMesh({ seed: { place: seed, site: 'near' }, members, warmUp: WARM_UP }, SIZE, observe)
  const takers = members.map(({ place }) => place)
  const others = await measureOthers({ seed, takers }, SIZE, observe)
  const oneCopy = (SIZE * 8) / (BETWEEN.up * 1e6)
  return [
    ...report(ours, others, [
      { what: 'bytes over the link / file', of: ({ there }) => there, digits: 2, limit: 1.05 },
      { what: 'the other way', of: ({ back }) => back, digits: 2 },
      { what: 'last node / one copy over the link', of: ({ seconds }) => seconds / oneCopy, digits: 2, limit: 1.15 },
      { what: 'received / wanted', of: ({ received }) => received, digits: 3 },
      { what: 'CPU seconds of all', of: ({ cpuSeconds }) => cpuSeconds, digits: 1 },
    ]),
    { what: '  last node, one copy', figure: `${ours.seconds.toFixed(1)}, ${oneCopy.toFixed(1)} s` },
    { what: '  payload over the link / file', figure: ours.copiesOverWan.toFixed(3) },
  ]
}
