import {
  type Block,
  type BlobStore,
  type BlockStore,
  type CatalogStore,
  type ChunkShelf,
  type Cid,
  type Meter,
  createMeter,
} from '@hubmesh/content'
import { createMemoryBlobs } from './blobs.ts'
import { createMemoryCatalogs } from './catalogs.ts'
import { createMemoryShelf } from './shelf.ts'
import { createMemoryState } from './state.ts'

/** What a store offers, whatever it keeps its bytes in. */
export interface StoreParts {
  readonly blobs: BlobStore
  readonly blocks: BlockStore
  readonly catalogs: CatalogStore
  readonly shelf: ChunkShelf
  close(): Promise<void>
}

/** A whole store in memory, for tests that are not about the disk. A blob's `path` names no file. */
export const createMemoryStore = ({ meter = createMeter() }: { meter?: Meter } = {}): StoreParts => {
  const state = createMemoryState()
  const blocks = createMemoryBlocks()
  const blobs = createMemoryBlobs({ state, meter, putBlocks: (added) => blocks.put(added) })
  const shelf = createMemoryShelf({ state, blocks, partials: blobs.partials })
  return { blobs, blocks, catalogs: createMemoryCatalogs(), shelf, close: async () => {} }
}

export const createMemoryBlocks = (): BlockStore => {
  const kept = new Map<Cid, Block>()
  return {
    get: async (cid) => kept.get(cid),
    has: async (cid) => kept.has(cid),
    put: async (blocks) => {
      for (const block of blocks) kept.set(block.cid, { ...block, bytes: Uint8Array.from(block.bytes) })
    },
  }
}
