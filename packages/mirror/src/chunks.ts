import type { ChunkWant, Cid, FileEntry, Priority, RepoRef } from '@hubmesh/content'
import type { Lease } from './flights.ts'
import type { Listing } from './manifests.ts'

/** A file in a revision: what is needed to get its chunks. */
export interface Wanted {
  readonly repo: RepoRef
  readonly revision: string
  readonly manifest: Cid
  readonly listing: Listing
  readonly file: FileEntry
}

/** The chunks of one blob, wherever each of them is. Close it. */
export interface BlobChunks {
  readonly count: number
  /** Index of the chunk that holds the byte. */
  locate(offset: number): Promise<number>
  want(index: number): Promise<PlacedWant>
  has(index: number): boolean
  /** @param dueMs as in `FetchOptions` */
  ask(index: number, priority: Priority, dueMs?: () => number): Promise<Lease>
  /** Proven bytes read back from the disk; undefined when they are not there any more: ask for the chunk again. */
  stored(index: number): Promise<readonly Uint8Array[] | undefined>
  /**
   * True when the whole is known to be what the manifest says; false while chunks are missing, also when the disk has lost
   * one that was here.
   * @throws MeshError `bad-bytes`
   */
  confirmed(signal: AbortSignal): Promise<boolean>
  /** Ends when the whole turned out not to be what the manifest says: nothing of it may be served. */
  readonly broken: AbortSignal
  close(): void
}

export interface PlacedWant extends ChunkWant {
  /** Offset of its first byte in the blob. */
  readonly start: number
}

export type OpenChunks = (wanted: Wanted, signal: AbortSignal) => Promise<BlobChunks>
