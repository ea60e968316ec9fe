import {
  type Block,
  type BlobPassResult,
  CHUNKER,
  type Ingest,
  type IngestPlan,
  type IngestedBlob,
  MeshError,
  createBlobPass,
  encodeChunkList,
  verify,
} from '@hubmesh/content'
import { type MemoryState, keepBlob, keepChunk } from './state.ts'

export interface FinishBlob {
  readonly state: MemoryState
  readonly putBlocks: (blocks: readonly Block[]) => Promise<void>
}

/** Gives bytes their name: one pass, the list's blocks, the chunks. `check` may refuse what the pass found. */
export const finishBlob = async (
  { state, putBlocks }: FinishBlob,
  bytes: Uint8Array,
  gitOid: boolean,
  check: (result: BlobPassResult) => void = () => {},
): Promise<IngestedBlob> => {
  const pass = createBlobPass({ size: bytes.length, gitOid })
  pass.push(bytes)
  const result = pass.finish()
  check(result)
  let at = 0
  for (const chunk of result.chunks) {
    keepChunk(state, verify([bytes.subarray(at, at + chunk.length)], chunk.sha256))
    at += chunk.length
  }
  keepBlob(state, result.sha256, bytes)
  const blob = {
    sha256: result.sha256,
    size: bytes.length,
    ...(result.gitOid === undefined ? {} : { gitOid: result.gitOid }),
  }
  if (result.chunks.length < 2) return blob
  const { root, pages } = encodeChunkList(CHUNKER, result.chunks)
  await putBlocks([...pages, root])
  state.lists.set(root.cid, { sha256: result.sha256, size: bytes.length })
  return { ...blob, list: root.cid }
}

/** Bytes on their way in, and which of them are written: one byte for each, small enough for what a test holds. */
export interface Staging {
  readonly bytes: Uint8Array
  readonly written: Uint8Array
}

export const createStaging = (size: number): Staging => ({
  bytes: new Uint8Array(size),
  written: new Uint8Array(size),
})

export const createMemoryIngest = (
  components: FinishBlob & { keep: () => void },
  { key, size, expect }: IngestPlan,
  { bytes, written }: Staging,
): Ingest => {
  let finished = false
  const check = (result: BlobPassResult): void => {
    const { sha256 = result.sha256, gitOid = result.gitOid } = expect
    if (sha256 !== result.sha256 || gitOid !== result.gitOid)
      throw new MeshError('bad-bytes', `the bytes of ${key} are not what was expected`)
  }
  return {
    size,
    missing: () => gaps(written),
    write: async (offset, part) => {
      if (offset < 0 || offset + part.length > size)
        throw new MeshError('bad-input', 'bytes outside of what is ingested')
      for (const { start, end } of gaps(written.subarray(offset, offset + part.length)))
        bytes.set(part.subarray(start, end), offset + start)
      written.fill(1, offset, offset + part.length)
    },
    finish: async (signal) => {
      signal.throwIfAborted()
      if (written.includes(0)) throw new MeshError('bad-input', 'bytes of the ingest are still missing')
      finished = true
      return finishBlob(components, bytes, expect.gitOid !== undefined, check)
    },
    close: async () => {
      if (!finished) components.keep()
    },
  }
}

const gaps = (written: Uint8Array): { start: number; end: number }[] => {
  const found: { start: number; end: number }[] = []
  for (let start = written.indexOf(0); start >= 0; start = written.indexOf(0, start)) {
    const next = written.indexOf(1, start)
    const end = next < 0 ? written.length : next
    found.push({ start, end })
    start = end
  }
  return found
}
