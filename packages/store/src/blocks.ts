import { type BlockStore, type Cid, cidSha256, isMeshError, sha256Bytes, verifyBlock } from '@hubmesh/content'
import type { IndexDb } from './index-db.ts'

/** Structured blocks in the index, hashed again when they are read: a bad one is as good as none. */
export const createBlockStore = ({ index }: { index: IndexDb }): BlockStore => {
  const { blocks: table } = index.tables

  const get: BlockStore['get'] = async (cid) => {
    const bytes = await table.load(keyOf(cid))
    if (bytes === undefined) return undefined
    try {
      return verifyBlock(cid, plain(bytes))
    } catch (error) {
      if (!isMeshError(error, 'bad-bytes')) throw error
      await index.commit([table.del(keyOf(cid))])
      return undefined
    }
  }

  return {
    get,
    has: async (cid) => (await table.hasMany([keyOf(cid)]))[0] === true,
    put: async (blocks) => index.note(blocks.map(({ cid, bytes }) => table.put(keyOf(cid), bytes))),
  }
}

const keyOf = (cid: Cid): Uint8Array => sha256Bytes(cidSha256(cid))

// Level hands out Buffers; the same bytes as what was put, also to those who compare.
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
