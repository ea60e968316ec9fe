import { Bitmap, type BlobHandle, type BlockStore, type ChunkShelf, type Cid, type Sha256 } from '@hubmesh/content'
import type { BlobFiles } from '../blob-files.ts'
import { createKnownLists, listKey } from '../chunk-lists.ts'
import type { IndexDb } from '../index-db.ts'
import { loadList, loadPage } from '../list-blocks.ts'
import { createChunkMap } from '../partial/chunk-map.ts'
import type { Partials } from '../partial/partials.ts'
import { type ManifestSingles, loadSingles } from './manifest-singles.ts'
import { createSharedCache } from './shared-cache.ts'

/** Chunk sets that are open at once, each a file and some decoded pages. */
const MAX_SETS = 64
/** Files of one chunk that are open at once. */
const MAX_FILES = 128
/** Reads and look-ups of peers at a time; the rest wait. More would only wait for the disk, with a file open each. */
const AT_ONCE = 64
/** What a set weighs for its entries: manifests of a million files in all may be open. */
const ENTRIES_PER_SET = 16_384

/** A set that is open: how much of it is here, and its bytes. */
interface OpenSet {
  /** A copy. */
  have(): Bitmap
  read(index: number, buffer: Uint8Array): Promise<Uint8Array | undefined>
  readonly entries: number
  close(): Promise<void>
}

export interface DiskShelf extends ChunkShelf {
  /** A chunk of a list has become readable. */
  announce(list: Cid, index: number): void
  /** A list's partial is over: from here on it is served from the blob, or from another partial. */
  reopen(list: Cid): void
  close(): Promise<void>
}

interface ShelfComponents {
  readonly index: IndexDb
  readonly blobs: BlobFiles
  readonly blocks: BlockStore
  readonly partials: Partials
}

export const createShelf = ({ index, blobs, blocks, partials }: ShelfComponents): DiskShelf => {
  const lists = createKnownLists(index)
  const listeners = new Set<(set: Cid, index: number) => void>()
  const manifests = new Map<Cid, ManifestSingles>()
  const listsOfBlobs = new Map<Sha256, Set<Cid>>()

  const announce = (set: Cid, at: number): void => {
    for (const listener of listeners) listener(set, at)
  }

  blobs.onChange((sha256, isHere) => {
    for (const [set, singles] of manifests) tellSingle(set, singles, sha256, isHere)
    if (isHere) return
    files.drop(sha256)
    for (const list of listsOfBlobs.get(sha256) ?? []) sets.drop(list)
  })

  const tellSingle = (set: Cid, singles: ManifestSingles, sha256: Sha256, isHere: boolean): void => {
    const at = singles.indexOf(sha256)
    if (at === undefined) return
    if (!isHere) singles.have.clear(at)
    else if (singles.have.set(at)) announce(set, at)
  }

  const files = createSharedCache<Sha256, BlobHandle>({
    open: (sha256) => blobs.open(sha256),
    close: (blob) => blob.close(),
    weigh: () => 1,
    capacity: MAX_FILES,
    atOnce: AT_ONCE,
  })

  const sets = createSharedCache<Cid, OpenSet>({
    open: async (set) => (await openBlobSet(set)) ?? (await openPartialSet(set)) ?? openManifestSet(set),
    close: (set) => set.close(),
    weigh: ({ entries }) => 1 + entries / ENTRIES_PER_SET,
    capacity: MAX_SETS,
    atOnce: AT_ONCE,
  })

  const openBlobSet = async (list: Cid): Promise<OpenSet | undefined> => {
    const known = lists.get(listKey(list))
    const root = known && (await loadList(blocks, list))
    const blob = known && root && (await blobs.open(known.sha256))
    if (known === undefined || root === undefined || blob === undefined) return undefined
    const users = listsOfBlobs.get(known.sha256) ?? new Set()
    listsOfBlobs.set(known.sha256, users.add(list))
    const pageBytes = root.pages.map((page) => page.bytes)
    const map = createChunkMap({ chunks: known.chunks, pageBytes }, (page) => loadPage(blocks, root, page))
    return {
      entries: 0,
      have: () => Bitmap.full(known.chunks),
      read: async (at, buffer) => {
        if (!isIndex(at, known.chunks)) return undefined
        const { offset, length } = await map.locate(at)
        const read = await blob.readInto(offset, buffer.subarray(0, length))
        return read === length ? buffer.subarray(0, length) : undefined
      },
      close: async () => {
        users.delete(list)
        if (users.size === 0) listsOfBlobs.delete(known.sha256)
        await blob.close()
      },
    }
  }

  const openPartialSet = async (list: Cid): Promise<OpenSet | undefined> => {
    const partial = await partials.resume(list)
    return (
      partial && {
        entries: 0,
        have: () => copyOf(partial.have),
        read: async (at, buffer) => {
          const bytes = await partial.readChunk(at)
          return bytes && copyParts(bytes.parts, buffer)
        },
        close: () => partial.close(),
      }
    )
  }

  const openManifestSet = async (set: Cid): Promise<OpenSet | undefined> => {
    const singles = await loadSingles(blocks, set)
    if (singles === undefined) return undefined
    manifests.set(set, singles) // from here on it is told of what comes
    const forget = (): void => {
      if (manifests.get(set) === singles) manifests.delete(set)
    }
    try {
      await singles.fill(blobs)
    } catch (error) {
      forget()
      throw error
    }
    return {
      entries: singles.have.length,
      have: () => copyOf(singles.have),
      read: async (at, buffer) => {
        const name = singles.have.has(at) ? singles.nameOf(at) : undefined
        return name && files.use(name, (blob) => readWhole(blob, buffer))
      },
      close: async () => forget(),
    }
  }

  return {
    have: (set) => sets.use(set, async (open) => open.have()),
    read: (set, at, buffer) => sets.use(set, (open) => open.read(at, buffer)),
    onHave: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    announce,
    reopen: (list) => sets.drop(list),
    close: async () => {
      await sets.close()
      await files.close()
    },
  }
}

const isIndex = (index: number, length: number): boolean => Number.isInteger(index) && index >= 0 && index < length
const copyOf = (bitmap: Bitmap): Bitmap => new Bitmap(bitmap.length, bitmap.bytes.slice())

const readWhole = async (blob: BlobHandle, buffer: Uint8Array): Promise<Uint8Array | undefined> => {
  if (blob.size > buffer.length) return undefined // a manifest can call any blob a single chunk
  return buffer.subarray(0, await blob.readInto(0, buffer.subarray(0, blob.size)))
}

const copyParts = (parts: readonly Uint8Array[], buffer: Uint8Array): Uint8Array => {
  let filled = 0
  for (const part of parts) {
    buffer.set(part, filled)
    filled += part.length
  }
  return buffer.subarray(0, filled)
}
