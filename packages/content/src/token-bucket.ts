/**
 * A token bucket of bytes, with a clock that is an argument. It may go into debt: whoever finds something in it takes all
 * that he needs, and the next waits until that is paid. So in any time no more goes than the rate allows, what the bucket
 * holds, and one piece.
 */
export interface TokenBucket {
  /** Milliseconds until something may be taken: 0 unless it is in debt. @param rate bytes/s, since it was looked at last */
  due(rate: number, now: number): number
  /** Takes at once. @returns what was due: whoever waits so long has stood in line */
  take(bytes: number, rate: number, now: number): number
}

/** @param holds milliseconds of the rate: what may go at once after a rest */
export const createTokenBucket = (holds: number): TokenBucket => {
  /** Negative when it is in debt; full before the first look. */
  let level = Infinity
  let lookedAt = 0

  const due: TokenBucket['due'] = (rate, now) => {
    const perMs = rate / 1000
    level = Math.min(perMs * holds, level + perMs * (now - lookedAt))
    lookedAt = now
    return level > 0 ? 0 : (1 - level) / perMs
  }

  return {
    due,
    take: (bytes, rate, now) => {
      const ms = due(rate, now)
      level -= bytes
      return ms
    },
  }
}
