/** Bytes a second over the last few seconds. */
export interface Rate {
  add(bytes: number): void
  perSecond(): number
}

const WINDOW_SECONDS = 5

export const createRate = (now: () => number = () => performance.now() / 1000): Rate => {
  const start = now()
  const buckets = new Map<number, number>()
  const forgetOld = (second: number): void => {
    for (const bucket of buckets.keys()) if (bucket <= second - WINDOW_SECONDS) buckets.delete(bucket)
  }
  return {
    add: (bytes) => {
      const second = Math.floor(now())
      if (!buckets.has(second)) forgetOld(second)
      buckets.set(second, (buckets.get(second) ?? 0) + bytes)
    },
    perSecond: () => {
      forgetOld(Math.floor(now()))
      const seconds = Math.min(WINDOW_SECONDS, Math.max(1, now() - start))
      return Math.round(buckets.values().reduce((sum, bytes) => sum + bytes, 0) / seconds)
    },
  }
}
