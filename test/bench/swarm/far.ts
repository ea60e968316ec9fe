import { MIB } from '@hubmesh/content'
import { createNetwork } from '../../rig/network.ts'
import { type Result, atMost } from '../measure.ts'
import { type MeshSpread, createMesh } from './mesh.ts'

/** An office at the other end of a long line that loses packets. Rates are Mbit/s. */
const LINE = { up: 20, down: 20 }
const ROUND_TRIP_MS = 100
/** Of each of the two links that a packet passes: one in a hundred in all. */
const LOSS = 0.005
const SIZE = 16 * MIB
/** One connection takes ten times as long as the line would. */
const SIZE_BY_ONE = 4 * MIB
/** Not enough for further connections to be tried. */
const WARM_UP_BYTES = MIB
/** By the usual congestion control, which takes each loss for a line that is full. */
const CONGESTION_CONTROL = 'cubic'

export const far = async (): Promise<Result[]> => {
  const one = await measure('seed', SIZE_BY_ONE) // at the seed's own site, to which no further connections are opened
  const several = await measure('far', SIZE)
  return [
    atMost('  time / time of one connection', several.ratio / one.ratio, 0.5, ''),
    { what: '  time / time at the raw rate', figure: several.ratio.toFixed(1) },
    { what: '  the same by one connection', figure: one.ratio.toFixed(1) },
    { what: '  received / wanted', figure: several.received.toFixed(3) },
  ]
}

const measure = async (site: string, size: number): Promise<MeshSpread & { readonly ratio: number }> => {
  await using network = await createNetwork({
    roundTripMs: ROUND_TRIP_MS,
    loss: LOSS,
    congestionControl: CONGESTION_CONTROL,
  })
  const [seed, office] = [await network.attach(LINE), await network.attach(LINE)]
  await using mesh = await createMesh({ seed: { place: seed, site: 'seed' }, members: [{ place: office, site }] })
  await mesh.spread(WARM_UP_BYTES)
  const spread = await mesh.spread(size)
  return { ...spread, ratio: spread.seconds / ((size * 8) / (LINE.up * 1e6)) }
}
