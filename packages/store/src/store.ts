import { resolve } from 'node:path'
import type { BlobStore, BlockStore, CatalogStore, ChunkShelf, Log, Meter } from '@hubmesh/content'
import { openBlobFiles } from './blob-files.ts'
import { createBlobStore } from './blobs.ts'
import { createBlockStore } from './blocks.ts'
import { createCatalogStore } from './catalogs.ts'
import { createChunkIndex } from './chunk-index.ts'
import { onDisk } from './disk.ts'
import { createHashPool } from './hashing/pool.ts'
import { type IndexDb, openIndex } from './index-db.ts'
import { type Layout, createLayout, prepareLayout } from './layout.ts'
import { createLocalChunks } from './partial/local-chunks.ts'
import { createPartials } from './partial/partials.ts'
import { startQuarantine } from './quarantine.ts'
import { recover } from './recover.ts'
import { type DiskShelf, createShelf } from './shelf/shelf.ts'
import { createSpace } from './space.ts'

export interface Store {
  blobs: BlobStore
  blocks: BlockStore
  catalogs: CatalogStore
  shelf: ChunkShelf
  /** Makes durable what is not yet, ends the threads, closes the files. */
  close(): Promise<void>
}

export interface StoreOptions {
  /** The node's home. Made if it is not there, for this user alone. */
  home: string
  /** Bytes. Told in `usage()`; nothing is evicted yet. @default no bound */
  quota?: number | undefined
  log: Log
  meter: Meter
}

/**
 * Opens the store of a home; one process at a time may.
 * @throws MeshError `busy` when another has it open, `config` for an index of a newer format, `io`, `no-space`
 */
export const openStore = async ({ home, quota, log, meter }: StoreOptions): Promise<Store> => {
  const layout = createLayout(resolve(home))
  await onDisk(`the home ${home} cannot be made`, () => prepareLayout(layout))
  const index = await openIndex(layout.index)
  try {
    return await openWithIndex({ index, layout, log, meter }, quota)
  } catch (error) {
    await index.close()
    throw error
  }
}

const openWithIndex = async (
  base: { index: IndexDb; layout: Layout; log: Log; meter: Meter },
  quota: number | undefined,
): Promise<Store> => {
  const { index, layout, log } = base
  const space = createSpace({ log }, { home: layout.home })
  const chunks = await createChunkIndex({ index })
  const blocks = createBlockStore({ index })
  const catalogs = await createCatalogStore({ index })
  const files = await openBlobFiles({ index, layout, chunks, log })
  await onDisk('the home cannot be cleaned up', () => recover({ index, layout, blobs: files, log }))
  const hashes = createHashPool({ log })
  const quarantine = await startQuarantine({ blobs: files, chunks, hashes, layout, log })
  const common = {
    ...base,
    space,
    chunks,
    blocks,
    hashes,
    blobs: files,
    local: createLocalChunks({ index, layout, chunks }),
  }
  const events = {
    onHave: (list: Parameters<DiskShelf['announce']>[0], at: number) => shelf.announce(list, at),
    onOver: (list: Parameters<DiskShelf['reopen']>[0]) => shelf.reopen(list),
  }
  const partials = createPartials({ ...common, ...events })
  const shelf = createShelf({ index, blobs: files, blocks, partials })
  const blobs = createBlobStore({ ...common, partials }, { quota })

  return {
    blobs,
    blocks,
    catalogs,
    shelf,
    close: async () => {
      for (const part of [shelf, blobs, quarantine, hashes, index])
        await part.close().catch((error: unknown) => log.error({ error }, 'a part of the store did not close well'))
    },
  }
}
