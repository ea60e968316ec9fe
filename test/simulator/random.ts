/** Random numbers that a seed decides (mulberry32): the same seed gives the same run. */
export interface Random {
  /** From 0 up to, and without, 1. */
  next(): number
  /** An integer from 0 up to, and without, `end`. */
  below(end: number): number
}

export const createRandom = (seed: number): Random => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { next, below: (end) => Math.floor(next() * end) }
}
