import {
  type Block,
  type BlobPassResult,
  CHUNKER,
  type Cid,
  type GitOid,
  type Sha256,
  encodeChunkList,
  sha256Bytes,
} from '@hubmesh/content'

/** All that a pass found out about a blob, packed: 36 bytes a chunk, and cheap to hand from a worker thread. */
export interface DescribedBlob {
  readonly sha256: Sha256
  readonly gitOid?: GitOid
  readonly lengths: Uint32Array
  /** 32 bytes for each chunk. */
  readonly digests: Uint8Array
  /** Absent for a blob of one chunk or none. */
  readonly list?: { readonly cid: Cid; readonly blocks: readonly Block[] }
}

export const describeBlob = ({ sha256, gitOid, chunks }: BlobPassResult): DescribedBlob => {
  const lengths = Uint32Array.from(chunks, (chunk) => chunk.length)
  const digests = new Uint8Array(chunks.length * 32)
  for (const [at, chunk] of chunks.entries()) digests.set(sha256Bytes(chunk.sha256), at * 32)
  const whole = { sha256, ...(gitOid === undefined ? {} : { gitOid }), lengths, digests }
  if (chunks.length < 2) return whole
  const { root, pages } = encodeChunkList(CHUNKER, chunks)
  return { ...whole, list: { cid: root.cid, blocks: [...pages, root] } }
}
