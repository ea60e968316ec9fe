import type { VerifiedBytes } from '@hubmesh/content'
import { RECENT_BYTES } from './limits.ts'

/** Chunks just received, by key, the oldest dropped first: readers take them from here instead of from the disk. */
export interface Recent {
  add(key: string, bytes: VerifiedBytes): void
  get(key: string): VerifiedBytes | undefined
}

export const createRecent = (most = RECENT_BYTES): Recent => {
  const kept = new Map<string, VerifiedBytes>()
  let total = 0
  return {
    get: (key) => kept.get(key),
    add: (key, bytes) => {
      total += bytes.length - (kept.get(key)?.length ?? 0)
      kept.delete(key)
      kept.set(key, bytes)
      for (const [oldest, { length }] of kept) {
        if (total <= most) return
        kept.delete(oldest)
        total -= length
      }
    },
  }
}
