import {
  Bitmap,
  type BlobHandle,
  MeshError,
  type PartialBlob,
  type PartialPlan,
  type VerifiedBytes,
  sha256FromBytes,
} from '@hubmesh/content'
import type { BlobFiles } from '../blob-files.ts'
import { verifyDigest } from '../verify-digest.ts'
import { createChunkMap } from './chunk-map.ts'

/** A partial of which all is here: a view on the blob. */
export const createCompletePartial = (blobs: BlobFiles, plan: PartialPlan, blob: BlobHandle): PartialBlob => {
  const have = Bitmap.full(plan.chunks)
  const map = createChunkMap({ chunks: plan.chunks, pageBytes: undefined }, (page) => plan.page(page))

  const readChunk = async (index: number): Promise<VerifiedBytes | undefined> => {
    if (!have.has(index)) return undefined
    const { offset, length, digest } = await map.locate(index)
    const buffer = new Uint8Array(length)
    const read = await blob.readInto(offset, buffer)
    const bytes = verifyDigest(buffer.subarray(0, read), digest)
    if (bytes === undefined) {
      have.clear(index)
      await blobs.withdraw(plan.sha256, 'a chunk of it was damaged')
    }
    return bytes
  }

  return {
    plan,
    have,
    putChunk: async (index, bytes) => {
      const { length, digest } = await map.locate(index)
      if (length !== bytes.length || sha256FromBytes(digest) !== bytes.sha256)
        throw new MeshError('bad-bytes', `the bytes are not chunk ${index} of list ${plan.list}`)
    },
    readChunk,
    adopt: async (indexes, signal) => {
      signal.throwIfAborted()
      return indexes.filter((index) => have.has(index))
    },
    finished: Promise.resolve(),
    close: () => blob.close(),
  }
}
