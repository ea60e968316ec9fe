import type { Bitmap } from '../bitmap.ts'
import type { Cid } from '../block.ts'
import type { ChunkPage } from '../chunk-list.ts'
import type { GitOid, Sha256, VerifiedBytes } from '../digest.ts'
import type { ByteRange } from '../ranges.ts'
import type { StoreStatus } from '../status.ts'

/**
 * Whole blobs by sha256, and the sparse partials they grow in. A blob earns its name only after this node itself hashed
 * the whole of it.
 */
export interface BlobStore {
  has(sha256: Sha256): Promise<boolean>
  /**
   * Opens a complete blob. A file whose size, mtime, ctime or inode is not what the index says is quarantined, and is
   * then absent.
   */
  open(sha256: Sha256): Promise<BlobHandle | undefined>
  /** Stores a blob of one chunk. Durable when it resolves. */
  putBlob(bytes: VerifiedBytes): Promise<void>
  /** A chunk's bytes out of whatever file here holds it, hashed again; undefined when none does. */
  chunk(sha256: Sha256): Promise<VerifiedBytes | undefined>
  /** Makes a blob of one chunk out of a chunk that another blob here holds. True when the blob is here now. */
  adoptBlob(sha256: Sha256): Promise<boolean>
  /**
   * The partial of one chunk list, made on first use; all callers share one. Close it when done with it.
   * @throws MeshError `bad-bytes` for a list whose whole is known to be another than the plan says, `no-space`
   */
  openPartial(plan: PartialPlan): Promise<PartialBlob>
  /** Begins, or after a crash takes up again, the staging of bytes from outside. */
  ingest(plan: IngestPlan): Promise<Ingest>
  /** Ingests a local file that others may change meanwhile: it is copied (reflink where possible), then read once. */
  ingestFile(
    path: string,
    options: { gitOid: boolean; signal: AbortSignal; onProgress?: (bytes: number) => void },
  ): Promise<IngestedBlob>
  usage(): StoreStatus
  close(): Promise<void>
}

export interface BlobHandle {
  readonly size: number
  readonly path: string
  /** Fills the buffer from `offset`; fewer bytes only at the end of the blob. */
  readInto(offset: number, buffer: Uint8Array): Promise<number>
  close(): Promise<void>
}

export interface PartialPlan {
  readonly list: Cid
  readonly sha256: Sha256
  readonly size: number
  readonly chunks: number
  /** Page n of the list, verified. */
  page(index: number): Promise<ChunkPage>
}

export interface PartialBlob {
  readonly plan: PartialPlan
  /** The proven chunks. Grows; never write to it. */
  readonly have: Bitmap
  /** @throws MeshError `bad-bytes` when the bytes are not chunk `index` of the list, `no-space` when the disk is full */
  putChunk(index: number, bytes: VerifiedBytes): Promise<void>
  /** Hashed again before it is handed out; undefined when absent, also when the disk changed it (it is then wanted again). */
  readChunk(index: number): Promise<VerifiedBytes | undefined>
  /** Copies those of the chunks that other blobs here hold, each verified. Returns the indexes that are there now. */
  adopt(indexes: readonly number[], signal: AbortSignal): Promise<number[]>
  /**
   * Resolves once all chunks are here, the whole sha256 was checked and the blob has its name.
   * Rejects with MeshError `bad-bytes` when the whole is not what the plan said. The bytes then have the name that they
   * hash to, so that who told the truth about this list finds them.
   */
  readonly finished: Promise<void>
  close(): Promise<void>
}

export interface IngestPlan {
  /** A stable name of the wanted bytes, for taking up again: the Hub's oid and the size. */
  readonly key: string
  readonly size: number
  /** At least one is given; all that are given must match. */
  readonly expect: { readonly sha256?: Sha256; readonly gitOid?: GitOid }
}

export interface Ingest {
  readonly size: number
  /** What is not durably here yet. */
  missing(): ByteRange[]
  /** Bytes may come in any order; those that are here already stay as they are. Applies back-pressure. */
  write(offset: number, bytes: Uint8Array): Promise<void>
  /**
   * Waits for the pass over the whole (cuts, chunk digests, sha256, git oid), checks it, stores the chunk list's blocks
   * and gives the blob its name.
   * @throws MeshError `bad-bytes` when it is not what was expected: the staging is thrown away; `bad-input` when bytes
   * are still missing
   */
  finish(signal: AbortSignal): Promise<IngestedBlob>
  /** Leaves the staging as it is, to be taken up later. */
  close(): Promise<void>
}

export interface IngestedBlob {
  readonly sha256: Sha256
  readonly size: number
  /** Of the whole content; absent where the caller did not ask for it. */
  readonly gitOid?: GitOid
  /** Absent for a blob of one chunk or none. */
  readonly list?: Cid
}

/** What the mesh serves to other nodes: chunks by their place in a chunk set (a chunk list, or a manifest's singles). */
export interface ChunkShelf {
  /** Which chunks of the set are proven here; undefined for a set never heard of. */
  have(set: Cid): Promise<Bitmap | undefined>
  /** A proven chunk's bytes, read into a buffer of at least 1 MiB; undefined when it is not here. */
  read(set: Cid, index: number, buffer: Uint8Array): Promise<Uint8Array | undefined>
  /** Called for each chunk that becomes proven. Returns the way to stop. */
  onHave(listener: (set: Cid, index: number) => void): () => void
}
