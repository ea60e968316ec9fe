import { MIB } from '@hubmesh/content'
import { layOut } from '../../rig/topology.ts'
import { boundOf } from '../../simulator/report.ts'
import { eightOffices } from '../../simulator/scenarios.ts'
import type { Result } from '../measure.ts'
import { measureMesh } from './mesh.ts'
import { measureOthers } from './others.ts'
import { report } from './report.ts'
import { sizeOf } from './rounds.ts'

const WARM_UP = { spreads: 4, size: sizeOf(64) }

export const offices = (): Promise<Result[]> =>
  measure({ size: sizeOf(eightOffices.fileBytes / MIB), loss: 0, bar: 1.25 })

export const lossyOffices = (): Promise<Result[]> => measure({ size: sizeOf(64), loss: 0.01, bar: 1.6 })

/** One seed and eight offices, each a site of its own. */
const measure = async ({ size, loss, bar }: { size: number; loss: number; bar: number }): Promise<Result[]> => {
  await using topology = await layOut(eightOffices, { loss, offload: loss === 0 })
  const { seed, members } = topology
  const ours = await measureMesh({ seed, members, warmUp: WARM_UP }, size, (spread) => spread())
  const takers = members.map(({ place }) => place)
  const others = await measureOthers({ seed: seed.place, takers }, size, (spread) => spread())
  const bound = boundOf({ ...eightOffices, fileBytes: size })
  return [
    ...report(ours, others, [
      { what: 'last office / bound', of: ({ seconds }) => seconds / bound, digits: 2, limit: bar },
      { what: 'copies sent by the seed', of: ({ copiesOfSeed }) => copiesOfSeed, digits: 2, limit: 2 },
      { what: 'received / wanted', of: ({ received }) => received, digits: 3 },
      { what: 'CPU seconds of all', of: ({ cpuSeconds }) => cpuSeconds, digits: 1 },
    ]),
    { what: '  last office, bound', figure: `${ours.seconds.toFixed(1)}, ${bound.toFixed(1)} s` },
  ]
}
