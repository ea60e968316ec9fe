import type { Cid } from '../block.ts'
import type { CatalogRepo } from '../catalog.ts'
import type { CommitInfo, Entry, FileEntry } from '../entry.ts'
import type { Manifest } from '../manifest.ts'
import type { ByteRange } from '../ranges.ts'
import type { RepoRef, RepoType } from '../repo.ts'
import type { RepoStatus, TransferStatus } from '../status.ts'
import type { BlobHandle } from './blob-store.ts'

/** Revisions and files, from whatever has them. What the gateway and `pull` read. */
export interface Library {
  /**
   * Pins a request to one commit. `revision` is a ref name, a full or short commit sha, or `HEAD`.
   * @throws MeshError `repo-not-found`, `revision-not-found`, or `not-ready` when it cannot be known yet
   */
  resolve(repo: RepoRef, revision: string, options: ResolveOptions): Promise<Snapshot>
  /** What the catalogs say of a repo. @throws MeshError `repo-not-found`, `not-ready` */
  repo(repo: RepoRef): Promise<OfferedRepo>
  /** All repos of a type that trusted catalogs offer, in order of id. */
  list(type: RepoType): Promise<readonly OfferedRepo[]>
  /** Commits of a revision, newest first; those that are known. */
  commits(repo: RepoRef, revision: string, options: { signal: AbortSignal }): Promise<readonly CommitInfo[]>
  /** Fetches all matching files of a revision and holds them: later revisions are followed. */
  pull(repo: RepoRef, revision: string, options: PullOptions): Promise<PullResult>
  /** What a CID names, if it is on this disk: a chunk's bytes, or a structured block's. Nobody is asked for it. */
  block(cid: Cid): Promise<Uint8Array | undefined>
  repos(): Promise<RepoStatus[]>
  transfers(): TransferStatus[]
}

export interface ResolveOptions {
  readonly signal: AbortSignal
  /** Where the catalogs have the ref, also while this site has not moved to it. @default false */
  readonly newest?: boolean
}

export interface OfferedRepo extends CatalogRepo {
  readonly publisher: string
  /** The publisher's catalog is over its expiry date. */
  readonly stale: boolean
}

/** One repo at one commit. */
export interface Snapshot {
  readonly repo: RepoRef
  readonly revision: string
  readonly cid: Cid
  readonly manifest: Manifest
  readonly publisher: string
  readonly stale: boolean
  /** When the ref that was asked for moved here, or when the manifest was made. ISO date. */
  readonly since: string
  /** All entries, in path order. */
  entries(options: { signal: AbortSignal }): Promise<readonly Entry[]>
  /** A file or directory by exact path; undefined when the commit has none. */
  entry(path: string, options: { signal: AbortSignal }): Promise<Entry | undefined>
  /** Readies a file's bytes for reading. Close it. */
  open(file: FileEntry, options: { signal: AbortSignal }): Promise<FileBody>
  /** Where a file's bytes would come from if it were opened now: the worst that is to be expected. */
  source(file: FileEntry): Promise<ByteSource>
  /** The head of a file is likely to be wanted soon (a HEAD was asked): fetch at most 4 MiB of it. Returns at once. */
  warm(file: FileEntry): void
}

export type ByteSource = 'local' | 'site' | 'peer' | 'seed' | 'upstream'

export interface FileBody {
  readonly size: number
  /** The worst that is to be expected when the headers leave. */
  readonly source: ByteSource
  /** Present when the whole blob is here: read it by offset. */
  readonly blob?: BlobHandle
  /**
   * Proven bytes of the range in order, fetched as they are read, with read-ahead. Fails without yielding with
   * MeshError `not-ready` when nothing is proven in time and nothing is in sight.
   */
  read(range: ByteRange, options: ReadOptions): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

export interface ReadOptions {
  readonly signal: AbortSignal
  /**
   * How fast the bytes are taken, in bytes a second, as far as can be said now; asked often. What would come too late for that
   * is fetched as if it were waited for.
   */
  readonly rate?: (() => number | undefined) | undefined
}

export interface PullOptions {
  readonly signal: AbortSignal
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  readonly onProgress?: (progress: PullProgress) => void
}

export interface PullProgress {
  readonly files: number
  readonly filesDone: number
  readonly bytes: number
  readonly bytesDone: number
}

export interface PullResult extends PullProgress {
  readonly snapshot: Snapshot
  readonly entries: readonly FileEntry[]
}
