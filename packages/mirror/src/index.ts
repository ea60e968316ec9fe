/** A revision or file, from whatever has it. So far the room's interface; the library itself comes next. */
import {
  type BlobStore,
  type BlockStore,
  type CatalogStore,
  type ChunkSource,
  type Library,
  type Log,
  type Meter,
  MeshError,
  type Swarm,
} from '@hubmesh/content'
import type { TrustPolicy } from '@hubmesh/trust'

export interface LibraryComponents {
  blobs: BlobStore
  blocks: BlockStore
  catalogs: CatalogStore
  swarm: Swarm
  source: ChunkSource
  log: Log
  meter: Meter
}

export interface LibraryOptions {
  policy: TrustPolicy
  /** This node's own publisher id. */
  publisherId: string
  /** When a ref moves at this site. @default 'complete' */
  follow?: 'complete' | 'eager' | 'manual'
}

export interface RunningLibrary extends Library {
  start(): Promise<void>
  stop(): Promise<void>
}

/** @throws MeshError always: the library is not built yet */
export const createLibrary = (_components: LibraryComponents, { publisherId }: LibraryOptions): RunningLibrary => {
  throw new MeshError('not-ready', `${publisherId} cannot open its library: it is not built yet`)
}
