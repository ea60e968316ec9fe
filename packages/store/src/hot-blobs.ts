import type { BigIntStats } from 'node:fs'
import { KIB, MIB, type Sha256 } from '@hubmesh/content'

/** Larger ones are read from the disk each time, in pieces. */
export const HOT_BLOB_BYTES = 64 * KIB
/** Thousands of configurations and tokenizers; the weights beside them are millions of times larger. */
const ALL_BYTES = 16 * MIB

/** A small blob in memory, and what its file looked like when it was read. */
export interface HotBlob {
  readonly bytes: Uint8Array
  readonly path: string
  readonly stats: BigIntStats
}

/** Small blobs that were read lately: opening, reading and closing a file takes ten times as long as sending what was in it. */
export interface HotBlobs {
  get(sha256: Sha256): HotBlob | undefined
  /** The least recently used make way. */
  set(sha256: Sha256, blob: HotBlob): void
  delete(sha256: Sha256): void
}

export const createHotBlobs = (capacity = ALL_BYTES): HotBlobs => {
  const blobs = new Map<Sha256, HotBlob>()
  let total = 0

  const remove = (sha256: Sha256): void => {
    total -= blobs.get(sha256)?.bytes.length ?? 0
    blobs.delete(sha256)
  }
  return {
    get: (sha256) => {
      const found = blobs.get(sha256)
      if (found === undefined) return undefined
      blobs.delete(sha256)
      blobs.set(sha256, found) // the last used comes last
      return found
    },
    set: (sha256, blob) => {
      remove(sha256)
      blobs.set(sha256, blob)
      total += blob.bytes.length
      for (const oldest of blobs.keys()) {
        if (total <= capacity) break
        remove(oldest)
      }
    },
    delete: remove,
  }
}
