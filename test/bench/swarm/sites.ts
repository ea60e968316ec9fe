import { MIB } from '@hubmesh/content'
import { type LinkOptions, createNetwork } from '../../rig/network.ts'
import { type Result, atMost } from '../measure.ts'
import { createMesh } from './mesh.ts'
import { repeat } from './rounds.ts'

/** Two sites of four, the seed among them. Rates are Mbit/s. */
const PER_SITE = 4
const INSIDE = { up: 1000, down: 1000 }
const BETWEEN = { up: 50, down: 50 }
const ROUND_TRIP_MS = 40
const SIZE = 128 * MIB

export const sites = async (): Promise<Result[]> => {
  await using network = await createNetwork({ roundTripMs: ROUND_TRIP_MS })
  const routers = { near: await network.attach(BETWEEN), far: await network.attach(BETWEEN) }
  const attach = (site: 'near' | 'far'): ReturnType<typeof network.attach> =>
    network.attach({ ...INSIDE, behind: routers[site] } satisfies LinkOptions)
  const seed = await attach('near')
  const members = []
  for (let index = 1; index < PER_SITE; index += 1) members.push({ place: await attach('near'), site: 'near' })
  for (let index = 0; index < PER_SITE; index += 1) members.push({ place: await attach('far'), site: 'far' })
  const delivered = async (): Promise<{ there: number; back: number }> => ({
    there: await network.delivered(routers.far),
    back: await network.delivered(routers.near),
  })
  await using mesh = await createMesh(seed, members, 'near')
  const spread = await repeat(async () => {
    const before = await delivered()
    const measured = await mesh.spread(SIZE)
    const after = await delivered()
    return { ...measured, there: (after.there - before.there) / SIZE, back: (after.back - before.back) / SIZE }
  })
  const oneCopy = (SIZE * 8) / (BETWEEN.up * 1e6)
  return [
    atMost('  bytes over the link / file', spread.there, 1.05, ''),
    { what: '  the other way', figure: spread.back.toFixed(3) },
    atMost('  last node / one copy over the link', spread.seconds / oneCopy, 1.15, ''),
    { what: '  last node, one copy', figure: `${spread.seconds.toFixed(1)}, ${oneCopy.toFixed(1)} s` },
    { what: '  payload over the link / file', figure: spread.copiesOverWan.toFixed(3) },
    { what: '  received / wanted', figure: spread.received.toFixed(3) },
    { what: '  CPU seconds of all nodes', figure: spread.cpuSeconds.toFixed(1) },
  ]
}
