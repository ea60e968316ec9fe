import type { CatalogRepo } from '../catalog.ts'
import type { RepoRef, RepoSpec } from '../repo.ts'
import type { MirrorStatus } from '../status.ts'

/** Where content enters the mesh. */
export interface Publisher {
  /** Adds a rule: this repo, the refs its spec names, from now on. Returns at once. */
  mirror(spec: RepoSpec): void
  /** A hint that upstream has moved: look now. */
  nudge(repo: RepoRef): void
  /** Pulls what is new of a repo now and publishes it. @throws MeshError `repo-not-found`, `gated`, `denied`, `unreachable`, … */
  sync(spec: RepoSpec, options: { signal: AbortSignal; onProgress?: (progress: SyncProgress) => void }): Promise<void>
  /** A local folder becomes a revision of a repo of one's own. Returns when the catalog is out. */
  publish(
    request: PublishRequest,
    options: { signal: AbortSignal; onProgress?: (progress: SyncProgress) => void },
  ): Promise<PublishResult>
  state(): MirrorStatus[]
  start(): Promise<void>
  stop(): Promise<void>
}

export interface SyncProgress {
  readonly stage: 'resolving' | 'pulling' | 'publishing'
  readonly files: number
  readonly filesDone: number
  readonly bytes: number
  readonly bytesDone: number
}

export interface PublishRequest {
  readonly directory: string
  readonly repo: RepoRef
  readonly ref: string
  readonly message: string
}

export interface PublishResult {
  readonly revision: string
  readonly files: number
  readonly bytes: number
  /** True when the ref had this very content already, and nothing was published. */
  readonly unchanged?: boolean
}

/** Puts revisions of repos into this node's own signed catalog. */
export interface CatalogWriter {
  /**
   * Applies a change to one repo's offer, rewrites its shard and the root, seals, commits, announces. One at a time. The
   * same offer again changes nothing; undefined takes the repo out.
   */
  update(repo: RepoRef, change: (held: CatalogRepo | undefined) => CatalogRepo | undefined): Promise<void>
  /** What this node's own catalog offers of a repo. */
  offered(repo: RepoRef): Promise<CatalogRepo | undefined>
}
