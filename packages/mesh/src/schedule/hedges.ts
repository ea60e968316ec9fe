import { MAX_CHUNK_BYTES } from '@hubmesh/content'

/** What may be asked twice across sites. Who is silent is not waited for in any case: its requests end, and are asked anew. */
export interface HedgeBudget {
  /** More has come from other sites. */
  received(bytes: number): void
  /** False when so much may not be asked twice now. What is late may be on credit: who is merely slow does not use that up. */
  take(bytes: number, isLate: boolean): boolean
}

/** Part of what comes from other sites that may come twice, and bytes of it that may gather: a chunk can always be helped out. */
const TWICE_PART = 0.01
const TWICE_AT_ONCE = MAX_CHUNK_BYTES

export const createHedgeBudget = (): HedgeBudget => {
  let spare = TWICE_AT_ONCE
  return {
    received: (bytes) => {
      spare = Math.min(TWICE_AT_ONCE, spare + bytes * TWICE_PART)
    },
    take: (bytes, isLate) => {
      if (bytes > spare + (isLate ? TWICE_AT_ONCE : 0)) return false
      spare -= bytes
      return true
    },
  }
}

/** How much longer than expected requests take: one that takes longer than nearly all did is late. */
export interface Delays {
  /** A request has taken `actual` of `expected` ms. */
  add(actual: number, expected: number): void
  /** A request that is expected to take so many ms is late after so many. */
  lateAfter(expected: number): number
}

/** Of so many requests, the latest ones; the factor is that of the third longest, the 95th percentile of them. */
const REMEMBERED = 64
const LONGEST = 3
/** What is taken for it until some have been measured, and its bounds: a single slow one says little. */
const FIRST_FACTOR = 3
const MIN_FACTOR = 1.5
const MAX_FACTOR = 6
/** Nothing is late before that, in ms: sooner it is only the jitter of a busy process. */
const MIN_LATE = 300

export const createDelays = (): Delays => {
  const ratios = new Float64Array(REMEMBERED)
  let count = 0
  let factor = FIRST_FACTOR
  return {
    add: (actual, expected) => {
      ratios[count % REMEMBERED] = actual / Math.max(1, expected)
      count += 1
      if (count % (REMEMBERED / 4) !== 0 || count < REMEMBERED) return
      const percentile = ratios.toSorted().at(-LONGEST) ?? FIRST_FACTOR
      factor = Math.min(MAX_FACTOR, Math.max(MIN_FACTOR, percentile))
    },
    lateAfter: (expected) => Math.max(MIN_LATE, factor * expected),
  }
}
