import {
  type BlobStore,
  type Cid,
  type CommitInfo,
  type Entry,
  type GitOid,
  type Log,
  MeshError,
  type RepoRef,
  clashingPaths,
  isDate,
  repoKey,
} from '@hubmesh/content'
import { allTogether, forEachLimited } from '../http/parallel.ts'
import { type ListedEntry, type ListedFile, isListedFile } from '../hub/entries.ts'
import type { HubClient } from '../hub/hub-client.ts'
import { type ManifestComponents, storeManifest } from '../manifests.ts'
import { type FileContent, contentKey } from './contents.ts'
import type { ProgressReport } from './progress.ts'
import type { PullFile } from './pull-file.ts'

export interface RevisionComponents extends ManifestComponents {
  readonly hub: HubClient
  readonly pullFile: PullFile
  readonly blobs: BlobStore
  readonly log: Log
  /** The endpoint, for the manifest. */
  readonly upstream: string
}

export interface RevisionPlan {
  readonly repo: RepoRef
  readonly sha: GitOid
  readonly parent: GitOid | undefined
  /** Contents by key. What is pulled is added. */
  readonly known: Map<string, FileContent>
  /** How many commits are wanted of its history. At least 1. */
  readonly commits: number
}

export interface PulledRevision {
  readonly manifest: Cid
  /** Newest first; the revision's own commit at least. */
  readonly commits: readonly CommitInfo[]
}

/** Tasks that wait for their turn: who may really pull is the files' own bound. */
const FILES_IN_LINE = 32

/**
 * Pulls one commit, and only what is not held, and makes its signed manifest. All is asked by the commit, so a branch that
 * moves meanwhile mixes nothing. Nothing is offered yet.
 * @throws MeshError as HubClient and PullFile
 */
export const pullRevision = async (
  components: RevisionComponents,
  plan: RevisionPlan,
  { signal, report }: { signal: AbortSignal; report: ProgressReport },
): Promise<PulledRevision> => {
  const { hub } = components
  const { repo, sha } = plan
  const [info, listing, commits] = await allTogether(signal, (signal) => [
    hub.info(repo, sha, signal),
    hub.list(repo, sha, signal),
    hub.commits(repo, sha, { limit: plan.commits, signal }),
  ])
  warnOfTrouble(components.log, plan, { info, listing })
  await pullContents(components, plan, { files: listing.filter(isListedFile), signal, report })
  report.stage('publishing')
  const commit = commits[0]?.id === sha ? commits[0] : bareCommit(sha, info)
  const manifest = await storeManifest(components, {
    repo,
    revision: sha,
    parent: plan.parent,
    createdAt: new Date().toISOString(),
    upstream: components.upstream,
    info,
    commit,
    entries: listing.map((entry) => toEntry(entry, plan.known)),
  })
  return { manifest, commits: commits[0] === commit ? commits : [commit] }
}

/** Each content once, however many paths have it. */
const pullContents = async (
  { blobs, pullFile }: RevisionComponents,
  { repo, sha, known }: RevisionPlan,
  { files, signal, report }: { files: readonly ListedFile[]; signal: AbortSignal; report: ProgressReport },
): Promise<void> => {
  const wanted = Map.groupBy(files, contentKey)
  report.begin(files)
  await forEachLimited(wanted, { limit: FILES_IN_LINE, signal }, async ([key, same], signal) => {
    const [file] = same
    if (file === undefined) return
    const held = known.get(key)
    if (held !== undefined && (file.size === 0 || (await blobs.has(held.sha256)))) {
      report.skip(same)
      return
    }
    const remote = { ...file, repo, revision: sha }
    known.set(key, await pullFile(remote, { signal, onBytes: (bytes) => report.bytes(bytes) }))
    report.done(same)
  })
}

const toEntry = (entry: ListedEntry, known: ReadonlyMap<string, FileContent>): Entry => {
  if (!isListedFile(entry)) return entry
  const content = known.get(contentKey(entry))
  if (content === undefined) throw new MeshError('bad-bytes', `${entry.path} was not pulled`)
  return { ...entry, ...content }
}

/** For an upstream without a history. */
const bareCommit = (sha: GitOid, { lastModified }: Readonly<Record<string, unknown>>): CommitInfo => ({
  id: sha,
  title: '',
  date: isDate(lastModified) ? lastModified : new Date().toISOString(),
})

const warnOfTrouble = (
  log: Log,
  { repo, sha }: RevisionPlan,
  { info, listing }: { info: Readonly<Record<string, unknown>>; listing: readonly ListedEntry[] },
): void => {
  const about = { repo: repoKey(repo), revision: sha }
  const [clash] = clashingPaths(listing.map(({ path }) => path))
  if (clash !== undefined)
    log.warn({ ...about, paths: clash }, 'paths that differ in case alone: some disks cannot hold both')
  if (info['private'] === true || (info['gated'] !== false && info['gated'] !== undefined))
    log.warn(about, 'a private or gated repo: every member of the mesh will be able to read it')
}
