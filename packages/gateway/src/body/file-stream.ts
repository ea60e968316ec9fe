import { type ByteRange, type FileBody, type Log, KIB } from '@hubmesh/content'
import type { BodyStream } from '../answer.ts'
import { blobStream, readWhole } from './blob-stream.ts'
import type { BufferPool } from './buffer-pool.ts'
import { proofStream } from './proof-stream.ts'

export interface StreamOptions {
  readonly range: ByteRange
  readonly signal: AbortSignal
  /** For the first bytes to come. */
  readonly patienceMs: number
  readonly pool: BufferPool
  readonly log: Log
}

/** Read in one go, and sent together with the headers. */
const SMALL_BYTES = 64 * KIB

/**
 * The bytes of a range as something to send, closing the body at its end. The first bytes of a cold file are proven, and
 * all of a small one read, when this resolves: until then a failure can still be told by a status.
 * @throws MeshError `not-ready` and others of `FileBody.read`
 */
export const fileStream = async (body: FileBody, options: StreamOptions): Promise<Buffer | BodyStream> => {
  const { range } = options
  if (body.blob === undefined) return closingOnFailure(body, () => proofStream(body, options))
  if (range.end - range.start > SMALL_BYTES)
    return blobStream({ ...options, blob: body.blob, close: () => body.close() })
  const { blob } = body
  const bytes = await closingOnFailure(body, () => readWhole(blob, range))
  await body.close()
  return bytes
}

const closingOnFailure = async <T>(body: FileBody, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    await body.close()
    throw error
  }
}
