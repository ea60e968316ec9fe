import { Bitmap, link } from '@hubmesh/content'
import type { SampleBlob } from '@hubmesh/testing'
import { readFrames } from '../../packages/mesh/src/exchange/frames.ts'
import { answerSchema, decodeMessage } from '../../packages/mesh/src/exchange/messages.ts'
import { createLab } from '../../packages/mesh/test/support/lab.ts'
import { createRaw, reply } from '../../packages/mesh/test/support/raw.ts'
import type { SwarmNode } from './local-swarm.ts'

/** The chunks of a blob that some nodes have between them, as they tell any member of their network. */
export interface CopyWatch extends AsyncDisposable {
  readonly together: Bitmap
}

/** @param key of the nodes' network */
export const watchCopy = async (nodes: readonly SwarmNode[], key: Uint8Array, blob: SampleBlob): Promise<CopyWatch> => {
  const lab = createLab()
  const raw = await createRaw(lab, { key })
  const together = new Bitmap(blob.chunks.length)

  const watch = async ({ addresses: [address = ''] }: SwarmNode): Promise<void> => {
    const stream = await raw.open(address)
    reply(stream, { type: 'open', id: 1, set: link(blob.list) })
    for await (const frame of readFrames(stream).frames) {
      const { message, payload } = decodeMessage(answerSchema, frame)
      if (message.type === 'has') add(message.indexes)
      else if (message.type === 'have' && message.length > 0) {
        // a blob of a test has few chunks: its bitmap comes in one piece
        const have = message.complete ? Bitmap.full(message.length) : new Bitmap(message.length, payload.slice())
        add(Array.from({ length: have.length }, (_, index) => index).filter((index) => have.has(index)))
      }
    }
  }
  const add = (indexes: readonly number[]): void => {
    for (const index of indexes) together.set(index)
  }

  for (const node of nodes) watch(node).catch(() => {}) // it ends with the node
  return { together, [Symbol.asyncDispose]: () => lab.close() }
}
