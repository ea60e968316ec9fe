import type { Cid } from '../block.ts'
import type { CatalogHead } from '../catalog.ts'
import type { RepoRef } from '../repo.ts'
import type { Refusal } from '../status.ts'

/** A DSSE signature: the signer's peer id and 64 bytes of Ed25519. */
export interface Signature {
  readonly keyid: string
  readonly sig: Uint8Array
}

/** A catalog head that was accepted here, and the signed envelope to pass on. */
export interface HeldHead {
  readonly head: CatalogHead
  readonly envelope: Uint8Array
  readonly acceptedAt: string
}

/** What this node believes and keeps between starts: accepted heads, signatures, refusals, what is held, where refs stand. */
export interface CatalogStore {
  /** Accepted heads, one per publisher and audience. From memory. */
  heads(): readonly HeldHead[]
  /** Replaces the publisher's head. Durable when it resolves: a roll-back cannot slip in after a crash. */
  commitHead(held: HeldHead): Promise<void>
  /** Called after each commit, for a head of our own too. Returns the way to stop. */
  onCommit(listener: (held: HeldHead) => void): () => void
  /** The last 100 refusals, newest first. */
  refusals(): readonly Refusal[]
  recordRefusal(refusal: Refusal): Promise<void>
  signatures(manifest: Cid): Promise<readonly Signature[]>
  addSignatures(manifest: Cid, signatures: readonly Signature[]): Promise<void>
  /** Where refs stand at this site: ref -> revision and its manifest. They may lag behind the catalog by policy. */
  view(repo: RepoRef): Promise<Readonly<Record<string, SiteRef>>>
  setView(repo: RepoRef, ref: string, at: SiteRef): Promise<void>
  /** Paths of a repo that somebody here asked for; `all` when a pull asked for the whole repo. */
  held(repo: RepoRef): Promise<HeldPaths>
  hold(repo: RepoRef, paths: readonly string[] | 'all'): Promise<void>
  heldRepos(): Promise<readonly RepoRef[]>
}

export interface SiteRef {
  readonly revision: string
  readonly manifest: Cid
  readonly since: string
}

export interface HeldPaths {
  readonly all: boolean
  readonly paths: ReadonlySet<string>
}
