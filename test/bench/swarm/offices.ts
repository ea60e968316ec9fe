import { createNetwork } from '../../rig/network.ts'
import { fluidBound } from '../../simulator/bound.ts'
import type { Result } from '../measure.ts'
import { measureMesh } from './mesh.ts'
import { measureOthers } from './others.ts'
import { report } from './report.ts'
import { sizeOf } from './rounds.ts'

/** One seed and eight offices, each a site of its own. Rates are Mbit/s. */
const OFFICES = 8
const SEED = { up: 100, down: 100 }
const OFFICE = { up: 50, down: 100 }
const ROUND_TRIP_MS = 20
const WARM_UP = { spreads: 4, size: sizeOf(64) }

export const offices = (): Promise<Result[]> => measure({ size: sizeOf(128), loss: 0, bar: 1.25 })

export const lossyOffices = (): Promise<Result[]> => measure({ size: sizeOf(64), loss: 0.01, bar: 1.6 })

const measure = async ({ size, loss, bar }: { size: number; loss: number; bar: number }): Promise<Result[]> => {
  await using network = await createNetwork({ roundTripMs: ROUND_TRIP_MS, loss, offload: loss === 0 })
  const seed = await network.attach(SEED)
  const members = []
  for (let index = 0; index < OFFICES; index += 1) {
    members.push({ place: await network.attach(OFFICE), site: `office-${index}` })
  }
  const ours = await measureMesh({ seed: { place: seed, site: 'seed' }, members, warmUp: WARM_UP }, size, (spread) =>
    spread(),
  )
  const takers = members.map(({ place }) => place)
  const others = await measureOthers({ seed, takers }, size, (spread) => spread())
  const bound = fluidBound(size, [{ isSeed: true, ...SEED }, ...members.map(() => ({ isSeed: false, ...OFFICE }))])
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
