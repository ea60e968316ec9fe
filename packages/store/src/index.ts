/** This disk: blobs, partials, structured blocks and the index. So far the room's interface; the disk store comes next. */
import {
  type BlobStore,
  type BlockStore,
  type CatalogStore,
  type ChunkShelf,
  type Log,
  type Meter,
  MeshError,
} from '@hubmesh/content'

export interface Store {
  blobs: BlobStore
  blocks: BlockStore
  catalogs: CatalogStore
  shelf: ChunkShelf
  close(): Promise<void>
}

export interface StoreOptions {
  /** The node's home. */
  home: string
  /** Bytes. @default no bound */
  quota?: number
  log: Log
  meter: Meter
}

/** @throws MeshError always: the disk store is not built yet */
export const openStore = ({ home }: StoreOptions): Promise<Store> =>
  Promise.reject(new MeshError('not-ready', `no store can be opened in ${home}: the disk store is not built yet`))
