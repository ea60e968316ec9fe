import type { Block, Cid } from '../block.ts'

/** Structured blocks on this disk: manifests, chunk lists, catalogs. */
export interface BlockStore {
  get(cid: Cid): Promise<Block | undefined>
  has(cid: Cid): Promise<boolean>
  /** Durable with whatever is made durable after it: nothing that stands on a block outlives it. */
  put(blocks: readonly Block[]): Promise<void>
}

/** A block from this disk, or else from the mesh, then kept. */
export interface BlockSource {
  /** @throws MeshError `not-ready` when nobody in reach has it; the signal's reason when aborted */
  block(cid: Cid, options: { signal: AbortSignal }): Promise<Block>
}
