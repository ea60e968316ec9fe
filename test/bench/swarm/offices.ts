import { MIB } from '@hubmesh/content'
import { createNetwork } from '../../rig/network.ts'
import { fluidBound } from '../../simulator/bound.ts'
import { type Result, atMost } from '../measure.ts'
import { createMesh } from './mesh.ts'
import { repeat } from './rounds.ts'

/** One seed and eight offices, each a site of its own. Rates are Mbit/s. */
const OFFICES = 8
const SEED = { up: 100, down: 100 }
const OFFICE = { up: 50, down: 100 }
const ROUND_TRIP_MS = 20

export const offices = (): Promise<Result[]> => measure({ size: 128 * MIB, loss: 0, bar: 1.25 })

export const lossyOffices = (): Promise<Result[]> => measure({ size: 64 * MIB, loss: 0.01, bar: 1.6 })

const measure = async ({ size, loss, bar }: { size: number; loss: number; bar: number }): Promise<Result[]> => {
  await using network = await createNetwork({ roundTripMs: ROUND_TRIP_MS, loss, offload: loss === 0 })
  const seed = await network.attach(SEED)
  const members = []
  for (let index = 0; index < OFFICES; index += 1) {
    members.push({ place: await network.attach(OFFICE), site: `office-${index}` })
  }
  await using mesh = await createMesh(seed, members)
  const spread = await repeat(() => mesh.spread(size))
  const bound = fluidBound(size, [{ isSeed: true, ...SEED }, ...members.map(() => ({ isSeed: false, ...OFFICE }))])
  return [
    atMost('  last office / bound', spread.seconds / bound, bar, ''),
    atMost('  copies sent by the seed', spread.copiesOfSeed, 2, ''),
    { what: '  last office, bound', figure: `${spread.seconds.toFixed(1)}, ${bound.toFixed(1)} s` },
    { what: '  received / wanted', figure: spread.received.toFixed(3) },
    { what: '  CPU seconds of all nodes', figure: spread.cpuSeconds.toFixed(1) },
  ]
}
