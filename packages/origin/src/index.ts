/** Where content enters: the Hub, and folders of one's own. So far the room's interface; the puller comes next. */
import {
  type BlobStore,
  type BlockStore,
  type CatalogStore,
  type Log,
  type Meter,
  MeshError,
  type Publisher,
  type Swarm,
} from '@hubmesh/content'
import type { Signer } from '@hubmesh/trust'

export interface OriginComponents {
  blobs: BlobStore
  blocks: BlockStore
  catalogs: CatalogStore
  swarm: Pick<Swarm, 'announce' | 'provide' | 'withdraw'>
  signer: Signer
  log: Log
  meter: Meter
}

export interface OriginOptions {
  /** The Hub's endpoint. */
  upstream: string
  /** Sent to the upstream's own host alone. */
  token: string | undefined
  /** Seconds between two looks at a ref. */
  pollSeconds: number
}

/** @throws MeshError always: the puller is not built yet */
export const createOrigin = (_components: OriginComponents, { upstream }: OriginOptions): Publisher => {
  throw new MeshError('not-ready', `nothing can be pulled from ${upstream}: the puller is not built yet`)
}
