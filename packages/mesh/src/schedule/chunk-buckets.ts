import { type ChunkCaps, type Priority, type TokenBucket, createTokenBucket } from '@hubmesh/content'

/** What a chunk is asked for. */
type Purpose = Priority | 'repair'

/** What a chunk goes for, as far as rates tell it apart. */
export interface Traffic {
  /** Undefined: of whatever kind it is, so that only those rates count that hold for all. */
  readonly priority?: Purpose
  readonly otherSite: boolean
}

/** A token bucket for each rate that chunks keep to; the clock is an argument. */
export interface ChunkBuckets {
  /** These rates hold from now on. */
  cap(caps: ChunkCaps): void
  /** Milliseconds until one may go: 0 for now. */
  due(traffic: Traffic, now: number): number
  take(traffic: Traffic, bytes: number, now: number): void
}

const CAP_OF: Readonly<Record<Purpose, keyof ChunkCaps>> = {
  reader: 'readers',
  ahead: 'readers',
  whole: 'readers',
  prefetch: 'prefetch',
  repair: 'repair',
}

/** @param holds milliseconds of its rate that each bucket holds */
export const createChunkBuckets = (holds: number): ChunkBuckets => {
  const buckets = new Map<keyof ChunkCaps, TokenBucket>()
  let caps: ChunkCaps = {}
  let isCapped = false

  const bucketOf = (name: keyof ChunkCaps): TokenBucket => {
    const known = buckets.get(name) ?? createTokenBucket(holds)
    buckets.set(name, known)
    return known
  }

  const over = (traffic: Traffic): { bucket: TokenBucket; rate: number }[] =>
    namesOver(traffic).flatMap((name) => {
      const rate = caps[name]
      return rate === undefined ? [] : [{ bucket: bucketOf(name), rate }]
    })

  return {
    cap: (now) => {
      caps = now
      isCapped = Object.values(now).some((rate) => rate !== undefined)
    },
    due: (traffic, now) =>
      isCapped ? Math.max(0, ...over(traffic).map(({ bucket, rate }) => bucket.due(rate, now))) : 0,
    take: (traffic, bytes, now) => {
      for (const { bucket, rate } of over(traffic)) bucket.take(bytes, rate, now)
    },
  }
}

const namesOver = ({ priority, otherSite }: Traffic): (keyof ChunkCaps)[] => [
  'total',
  ...(priority === undefined ? [] : [CAP_OF[priority]]),
  ...(otherSite ? (['otherSites'] as const) : []),
]
