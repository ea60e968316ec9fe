import { type Ingest, type IngestPlan, MeshError, createBlobPass, wholeRange } from '@hubmesh/content'
import { describeBlob } from '../hashing/described-blob.ts'
import { type NamingComponents, nameBlob, withScratchFile } from '../name-blob.ts'
import { createRangeSet } from '../range-set.ts'
import { requireExpected, requireInside } from './expected.ts'

/** Ingests at most a chunk's worth of bytes in memory: one file is written, once. What is left unfinished is forgotten. */
export const createSmallIngest = (components: NamingComponents, plan: IngestPlan): Ingest => {
  const { key, size, expect } = plan
  const bytes = new Uint8Array(size)
  let written = createRangeSet()
  return {
    size,
    missing: () => written.missing(wholeRange(size)),
    write: async (offset, part) => {
      requireInside(size, offset, part.length)
      for (const gap of written.missing({ start: offset, end: offset + part.length })) {
        bytes.set(part.subarray(gap.start - offset, gap.end - offset), gap.start)
        written.add(gap)
      }
    },
    finish: async (signal) => {
      signal.throwIfAborted()
      if (written.missing(wholeRange(size)).length > 0)
        throw new MeshError('bad-input', `bytes of ${key} are still missing`)
      const described = describeBytes(bytes, expect.gitOid !== undefined)
      try {
        requireExpected(plan, described)
      } catch (error) {
        written = createRangeSet()
        throw error
      }
      return nameBytesInMemory(components, bytes, described)
    },
    close: async () => {},
  }
}

export const describeBytes = (bytes: Uint8Array, gitOid: boolean) => {
  const pass = createBlobPass({ size: bytes.length, gitOid })
  pass.push(bytes)
  return describeBlob(pass.finish())
}

export const nameBytesInMemory = (
  components: NamingComponents,
  bytes: Uint8Array,
  described: ReturnType<typeof describeBytes>,
) =>
  withScratchFile(components, { sha256: described.sha256, parts: [bytes], length: bytes.length }, (path) =>
    nameBlob(components, { path, size: bytes.length }, described),
  )
