import { createCipheriv } from 'node:crypto'
import {
  type Block,
  CHUNKER,
  CHUNKS_PER_PAGE,
  type Cid,
  type GitOid,
  type PartialPlan,
  type Sha256,
  type VerifiedBytes,
  createBlobPass,
  decodeChunkList,
  decodeChunkPage,
  encodeChunkList,
  verify,
} from '@hubmesh/content'

/** A blob with all that is to be known of it. */
export interface SampleBlob {
  readonly bytes: Uint8Array
  readonly size: number
  readonly sha256: Sha256
  readonly gitOid: GitOid
  readonly chunks: readonly VerifiedBytes[]
  /** Of a list, also where one chunk would need none. */
  readonly plan: PartialPlan
  readonly list: Cid
  /** The list's blocks, root last. */
  readonly blocks: readonly Block[]
}

/** Bytes that look random and are the same for the same seed. */
export const sampleBytes = (size: number, seed: number): Uint8Array => {
  const key = Buffer.alloc(16)
  key.writeDoubleLE(seed)
  return new Uint8Array(createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size)))
}

/** @param bytes at least one byte */
export const describeBlob = (bytes: Uint8Array): SampleBlob => {
  const pass = createBlobPass({ size: bytes.length, gitOid: true })
  pass.push(bytes)
  const { sha256, gitOid, chunks } = pass.finish()
  if (gitOid === undefined) throw new Error('a git oid was asked for')
  const { root, pages } = encodeChunkList(CHUNKER, chunks)
  let at = 0
  const verified = chunks.map((chunk) => {
    at += chunk.length
    return verify([bytes.subarray(at - chunk.length, at)], chunk.sha256)
  })
  const plan = planOf(root, pages, { sha256, chunks: chunks.length })
  return { bytes, size: bytes.length, sha256, gitOid, chunks: verified, plan, list: root.cid, blocks: [...pages, root] }
}

export const sampleBlob = (size: number, seed: number): SampleBlob => describeBlob(sampleBytes(size, seed))

/** The same chunks, under a whole that they are not: what a lying publisher would sign. */
export const lyingPlan = (sample: SampleBlob, claimed: Sha256): PartialPlan => ({ ...sample.plan, sha256: claimed })

const planOf = (root: Block, pages: readonly Block[], whole: { sha256: Sha256; chunks: number }): PartialPlan => {
  const list = decodeChunkList(root.bytes)
  return {
    ...whole,
    list: root.cid,
    size: list.size,
    page: async (index) => {
      const block = pages[index]
      if (block === undefined)
        throw new Error(`a list of ${pages.length * CHUNKS_PER_PAGE} chunks has no page ${index}`)
      return decodeChunkPage(list, index, block.bytes)
    },
  }
}
