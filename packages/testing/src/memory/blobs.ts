import { readFile } from 'node:fs/promises'
import {
  type BlobHandle,
  type BlobStore,
  type Cid,
  EMPTY_SHA256,
  type IngestPlan,
  type Meter,
  MeshError,
  type PartialBlob,
  type PartialPlan,
  type Sha256,
  joinParts,
  nameBytes,
} from '@hubmesh/content'
import { type FinishBlob, type Staging, createMemoryIngest, createStaging, finishBlob } from './ingests.ts'
import { createMemoryPartial } from './partials.ts'
import { type MemoryState, keepBlob, keepChunk } from './state.ts'

export interface MemoryBlobs extends BlobStore {
  readonly partials: ReadonlyMap<Cid, PartialBlob>
}

export const createMemoryBlobs = (components: {
  state: MemoryState
  meter: Meter
  putBlocks: FinishBlob['putBlocks']
}): MemoryBlobs => {
  const { state, meter, putBlocks } = components
  const partials = new Map<Cid, PartialBlob>()
  const staged = new Map<string, Staging>()

  const adoptBlob = async (sha256: Sha256): Promise<boolean> => {
    if (state.blobs.has(sha256)) return true
    const chunk = state.chunks.get(sha256)
    if (chunk === undefined) return false
    keepBlob(state, sha256, joinParts(chunk))
    meter.add('localBytes', chunk.length)
    return true
  }

  const openPartial = async (plan: PartialPlan): Promise<PartialBlob> => {
    if ((state.lists.get(plan.list)?.sha256 ?? plan.sha256) !== plan.sha256)
      throw new MeshError('bad-bytes', `list ${plan.list} is not of the blob that it is said to be of`)
    const partial = partials.get(plan.list) ?? createMemoryPartial({ state, meter }, plan)
    partials.set(plan.list, partial)
    partial.finished.catch(() => partials.delete(plan.list)) // it was planned by a lie: the next begins with another
    return partial
  }

  const ingest = async (plan: IngestPlan) => {
    const staging = staged.get(plan.key) ?? createStaging(plan.size)
    staged.delete(plan.key)
    return createMemoryIngest({ state, putBlocks, keep: () => staged.set(plan.key, staging) }, plan, staging)
  }

  return {
    partials,
    has: async (sha256) => state.blobs.has(sha256),
    open: async (sha256) => openBlob(sha256, state.blobs.get(sha256)),
    putBlob: async (bytes) => keepBlob(state, bytes.sha256, joinParts(keepChunk(state, bytes))),
    chunk: async (sha256) => (sha256 === EMPTY_SHA256 ? nameBytes(new Uint8Array()) : state.chunks.get(sha256)),
    adoptBlob,
    openPartial,
    ingest,
    ingestFile: async (path, { gitOid, signal, onProgress }) => {
      signal.throwIfAborted()
      const bytes = new Uint8Array(await readFile(path, { signal }))
      onProgress?.(bytes.length)
      return finishBlob({ state, putBlocks }, bytes, gitOid)
    },
    usage: () => ({ bytes: sumOfSizes(state), quota: null, blobs: countBlobs(state) }),
    close: async () => {},
  }
}

const openBlob = (sha256: Sha256, blob: Uint8Array | undefined): BlobHandle | undefined =>
  blob && {
    size: blob.length,
    path: `memory:${sha256}`,
    readInto: async (offset, buffer) => {
      const part = blob.subarray(offset, offset + buffer.length)
      buffer.set(part)
      return part.length
    },
    close: async () => {},
  }

// The empty blob is always there, and is not counted until somebody stored something.
const countBlobs = (state: MemoryState): number =>
  [...state.blobs.keys()].filter((name) => name !== EMPTY_SHA256).length
const sumOfSizes = (state: MemoryState): number => state.blobs.values().reduce((sum, blob) => sum + blob.length, 0)
