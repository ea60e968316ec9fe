import { type BlobStore, type Cid, type FileEntry, isFile } from '@hubmesh/content'
import { forEachBounded } from './bounded.ts'
import { COUNTS_AT_ONCE, COUNT_MS, MAX_COUNTED } from './limits.ts'
import type { Listing } from './manifests.ts'

export interface HeldCount {
  readonly files: number
  readonly bytes: number
  readonly bytesHeld: number
  readonly complete: boolean
}

/** How much of a revision is here. A complete one is counted once; the others anew, when something has changed. */
export interface Counts {
  /** @param load called where it has to be counted. Undefined when that has no listing */
  of(manifest: Cid, load: () => Promise<Listing | undefined>, signal: AbortSignal): Promise<HeldCount | undefined>
  /** Something came. */
  touch(): void
}

interface Counted {
  readonly count: HeldCount
  /** Blobs that are not here whole. */
  readonly missing: readonly FileEntry[]
  readonly touched: number
  readonly at: number
}

export const createCounts = ({ blobs, done }: { blobs: BlobStore; done: (list: Cid) => number }): Counts => {
  const known = new Map<Cid, Counted>()
  let touched = 0

  const isFresh = (counted: Counted): boolean =>
    counted.count.complete || (counted.touched === touched && performance.now() - counted.at < COUNT_MS)

  const countAnew = async (listing: Listing, before: Counted | undefined, signal: AbortSignal): Promise<Counted> => {
    const files = before?.missing ?? listing.entries.filter(isFile)
    const missing: FileEntry[] = []
    const at = { touched, at: performance.now() }
    await forEachBounded(files, { width: COUNTS_AT_ONCE, signal }, async (file) => {
      if (file.size > 0 && !(await blobs.has(file.sha256))) missing.push(file)
    })
    const all = listing.entries.filter(isFile)
    const bytes = sumOf(all, (file) => file.size)
    const lacking = sumOf(missing, (file) => file.size - (file.list === undefined ? 0 : done(file.list)))
    const count = { files: all.length, bytes, bytesHeld: bytes - lacking, complete: missing.length === 0 }
    return { count, missing, ...at }
  }

  return {
    touch: () => {
      touched += 1
    },
    of: async (manifest, load, signal) => {
      const before = known.get(manifest)
      if (before !== undefined && isFresh(before)) return before.count
      const listing = await load()
      if (listing === undefined) return undefined
      const counted = await countAnew(listing, before, signal)
      if (known.size >= MAX_COUNTED) known.clear()
      known.set(manifest, counted)
      return counted.count
    },
  }
}

const sumOf = (files: readonly FileEntry[], value: (file: FileEntry) => number): number =>
  files.reduce((sum, file) => sum + value(file), 0)
