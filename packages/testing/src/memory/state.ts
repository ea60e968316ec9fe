import { type Cid, EMPTY_SHA256, type Sha256, type VerifiedBytes, joinParts } from '@hubmesh/content'

/** Which blob a chunk list describes. */
interface KnownList {
  readonly sha256: Sha256
  readonly size: number
}

type HaveListener = (set: Cid, index: number) => void
type BlobListener = (sha256: Sha256) => void

/** What the memory twins share, as the disk store's rooms share the index. */
export interface MemoryState {
  readonly blobs: Map<Sha256, Uint8Array>
  /** Chunk lists whose blob is complete here. */
  readonly lists: Map<Cid, KnownList>
  /** Every chunk of every blob and partial, by digest. */
  readonly chunks: Map<Sha256, VerifiedBytes>
  readonly haveListeners: Set<HaveListener>
  readonly blobListeners: Set<BlobListener>
}

export const createMemoryState = (): MemoryState => ({
  blobs: new Map([[EMPTY_SHA256, new Uint8Array()]]),
  lists: new Map(),
  chunks: new Map(),
  haveListeners: new Set(),
  blobListeners: new Set(),
})

export const keepBlob = (state: MemoryState, sha256: Sha256, bytes: Uint8Array): void => {
  state.blobs.set(sha256, bytes)
  for (const listener of state.blobListeners) listener(sha256)
}

/** The bytes may lie in a buffer that its owner uses again: a copy is kept. */
export const keepChunk = (state: MemoryState, bytes: VerifiedBytes): VerifiedBytes => {
  const kept = { ...bytes, parts: [Uint8Array.from(joinParts(bytes))] }
  state.chunks.set(bytes.sha256, kept)
  return kept
}

/** Adds a listener to a set. Returns the way to stop. */
export const listen = <T>(listeners: Set<T>, listener: T): (() => void) => {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}
