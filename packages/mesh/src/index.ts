/** The other nodes, over libp2p. So far the room's interface; the node itself comes next. */
import {
  type BlockStore,
  type CatalogStore,
  type ChunkShelf,
  type ChunkSource,
  type Log,
  type Meter,
  MeshError,
  type Swarm,
} from '@hubmesh/content'
import type { Ed25519PrivateKey } from '@libp2p/interface'

export interface MeshComponents {
  privateKey: Ed25519PrivateKey
  blocks: BlockStore
  shelf: ChunkShelf
  catalogs: CatalogStore
  log: Log
  meter: Meter
}

export interface MeshOptions {
  /** 32 bytes each; the first is tried first when dialling. */
  networkKeys: Uint8Array[]
  listen: readonly string[]
  announce: readonly string[]
  bootstrap: readonly string[]
  site: string
  role: 'seed' | 'peer'
  mdns: boolean
  /** Folder for what libp2p remembers between starts. */
  dataDir: string
}

/** @throws MeshError always: the mesh is not built yet */
export const createMesh = (_components: MeshComponents, { site }: MeshOptions): Promise<Swarm & ChunkSource> =>
  Promise.reject(new MeshError('not-ready', `site ${site} cannot join: the mesh is not built yet`))
