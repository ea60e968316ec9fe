/** A node's line to the world, in Mbit/s. */
interface Rates {
  readonly isSeed: boolean
  readonly up: number
  readonly down: number
}

/**
 * The least time, in seconds, in which a fluid could be spread at the lines' raw rates: the seed has to send all once, the
 * slowest to take all once, and all together to send it to everyone (Kumar and Ross, 2006; Mundinger, Weber and Weiss, 2008).
 */
export const fluidBound = (bytes: number, nodes: readonly Rates[]): number => {
  const file = (bytes * 8) / 1e6
  const takers = nodes.filter(({ isSeed }) => !isSeed)
  const up = (all: readonly Rates[]): number => all.reduce((total, node) => total + node.up, 0)
  return Math.max(
    file / up(nodes.filter(({ isSeed }) => isSeed)),
    file / Math.min(...takers.map(({ down }) => down)),
    (takers.length * file) / up(nodes),
  )
}
