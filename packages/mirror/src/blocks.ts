import type { Block, BlockStore, Cid, Swarm } from '@hubmesh/content'
import type { Limits } from './limits.ts'
import { type Shared, createShared, notReady, withDeadline } from './waits.ts'

/** Structured blocks from this disk, or else from the mesh, then kept. */
export interface Blocks {
  /**
   * `hint` is the peer to ask first.
   * @throws MeshError `not-ready` when nobody in reach has it, the signal's reason when aborted
   */
  block(cid: Cid, options: { signal: AbortSignal; hint?: string | undefined }): Promise<Block>
  /** Only from this disk. */
  local(cid: Cid): Promise<Block | undefined>
}

export const createBlocks = (
  { blocks, swarm }: { blocks: BlockStore; swarm: Swarm },
  { blockMs }: Pick<Limits, 'blockMs'>,
): Blocks => {
  const fetches: Shared<Block> = createShared()
  return {
    local: (cid) => blocks.get(cid),
    block: async (cid, { signal, hint }) =>
      (await blocks.get(cid)) ??
      fetches.join(cid, signal, async (shared) => {
        const block = await withDeadline(
          (signal) => swarm.fetchBlock(cid, { signal, ...(hint === undefined ? {} : { hint }) }),
          { signal: shared, ms: blockMs, late: () => notReady(`block ${cid} did not come in time`) },
        )
        await blocks.put([block])
        return block
      }),
  }
}
