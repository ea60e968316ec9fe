import { MIB } from '@hubmesh/content'
import { layOut } from '../../rig/topology.ts'
import { boundOf } from '../../simulator/report.ts'
import { twoSites } from '../../simulator/scenarios.ts'
import type { Result } from '../measure.ts'
import { measureMesh } from './mesh.ts'
import { measureOthers } from './others.ts'
import { report } from './report.ts'
import { sizeOf } from './rounds.ts'
import type { Spread } from './spread.ts'

/** Fewer than for the offices: the link takes eleven seconds for each. */
const WARM_UP = { spreads: 2, size: sizeOf(64) }

/** Two sites of four, the seed in the first. */
export const sites = async (): Promise<Result[]> => {
  const size = sizeOf(twoSites.fileBytes / MIB)
  await using topology = await layOut(twoSites)
  const { seed, members } = topology
  /** With what crosses the link meanwhile, in files. */
  const observe = async <S extends Spread>(spread: () => Promise<S>): Promise<S & { there: number; back: number }> => {
    const delivered = (): Promise<number[]> =>
      Promise.all(['second', 'first'].map((site) => topology.deliveredTo(site)))
    const before = await delivered()
    const measured = await spread()
    const [there = NaN, back = NaN] = (await delivered()).map((bytes, index) => (bytes - (before[index] ?? NaN)) / size)
    return { ...measured, there, back }
  }
  const ours = await measureMesh({ seed, members, warmUp: WARM_UP }, size, observe)
  const takers = members.map(({ place }) => place)
  const others = await measureOthers({ seed: seed.place, takers }, size, observe)
  const oneCopy = boundOf({ ...twoSites, fileBytes: size })
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
