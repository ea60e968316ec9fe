import { type Hash, createHash } from 'node:crypto'
import type { Chunk } from '../chunk-list.ts'
import type { GitOid, Sha256 } from '../digest.ts'
import { MeshError } from '../errors.ts'
import { createCutter } from './cutter.ts'

export interface BlobPassOptions {
  /** Bytes of the blob. */
  readonly size: number
  /** Whether the git oid of the content is wanted too: a third hash over every byte. */
  readonly gitOid: boolean
}

export interface BlobPassResult {
  readonly sha256: Sha256
  readonly gitOid?: GitOid
  /** In file order: none for an empty blob. A blob of one chunk needs no chunk list. */
  readonly chunks: readonly Chunk[]
}

/** All that is to be known of a blob, from one look at its bytes. */
export interface BlobPass {
  /** The next bytes, hashed before it returns: the buffer may be used again. @throws MeshError `bad-bytes` beyond the size */
  push(bytes: Uint8Array): void
  /** @throws MeshError `bad-bytes` when fewer bytes came than the size says */
  finish(): BlobPassResult
}

/** Pure work for the CPU, near 2 s a GiB: give it a worker thread. */
export const createBlobPass = ({ size, gitOid }: BlobPassOptions): BlobPass => {
  const cutter = createCutter({ size })
  const whole = createHash('sha256')
  const git = gitOid ? createHash('sha1').update(`blob ${size}\0`) : undefined
  const chunks: Chunk[] = []
  let chunk = createHash('sha256')
  let begin = 0
  let position = 0

  const endChunk = (end: number): void => {
    chunks.push({ sha256: hex(chunk) as Sha256, length: end - begin })
    chunk = createHash('sha256')
    begin = end
  }

  return {
    push: (bytes) => {
      const ends = cutter.push(bytes)
      whole.update(bytes)
      git?.update(bytes)
      let at = 0
      for (const end of ends) {
        chunk.update(bytes.subarray(at, end - position))
        at = end - position
        endChunk(end)
      }
      chunk.update(bytes.subarray(at))
      position += bytes.length
    },
    finish: () => {
      if (position !== size) throw new MeshError('bad-bytes', `a blob of ${position} bytes instead of ${size}`)
      const sha256 = hex(whole) as Sha256
      return git === undefined ? { sha256, chunks } : { sha256, gitOid: hex(git) as GitOid, chunks }
    },
  }
}

const hex = (hash: Hash): string => hash.digest('hex')
