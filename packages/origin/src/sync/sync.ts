import {
  type CatalogRepo,
  type Cid,
  type CommitInfo,
  type GitOid,
  type RepoRef,
  type RepoSpec,
  type SyncProgress,
  encodeHistory,
  repoKey,
} from '@hubmesh/content'
import type { OwnCatalog } from '../catalog-writer.ts'
import { createKeyedSlots } from '../http/parallel.ts'
import { refuseOwnNamespace } from '../namespaces.ts'
import { type FileContent, knownContents } from './contents.ts'
import { type OfferChange, dropRefs, markJob, offerRevision, retain, revisionAges } from './offer.ts'
import { type ProgressReport, createProgress } from './progress.ts'
import { type RevisionComponents, pullRevision } from './pull-revision.ts'
import { type Targets, findTargets } from './targets.ts'

export interface SyncComponents extends RevisionComponents {
  readonly catalog: OwnCatalog
}

interface SyncOptions {
  readonly signal: AbortSignal
  readonly onProgress?: ((progress: SyncProgress) => void) | undefined
}

/** What a spec names now, all of it pulled and offered. */
interface Synced {
  /** The ref, or the pattern of refs; the default branch where none was named. */
  readonly ref: string
  /** Of the first ref; undefined where nothing matches the pattern. */
  readonly revision: GitOid | undefined
}

export type Sync = (spec: RepoSpec, options: SyncOptions) => Promise<Synced>

/**
 * Looks at upstream, pulls what is new, offers it. One request where nothing is new. While it pulls, the catalog says so, so
 * that offices wait; a failure is left in the catalog, an abort leaves what has come, and the mark, for the next time.
 */
export const createSync = (components: SyncComponents): Sync => {
  const { hub, catalog } = components
  const turns = createKeyedSlots()
  const offered = (repo: RepoRef) => catalog.offered(repo)
  const refuseOwn = (repo: RepoRef) => refuseOwnNamespace({ ...components, repos: () => catalog.repos() }, repo)

  return async (spec, { signal, onProgress = () => {} }) => {
    await refuseOwn(spec)
    const report = createProgress(onProgress)
    report.stage('resolving')
    const targets = await findTargets({ hub, offered }, spec, signal)
    if (targets.repo.id !== spec.id) await refuseOwn(targets.repo)
    await turns.run(repoKey(targets.repo), () => bringUpToDate(components, { spec, targets, signal, report }), signal)
    const [first] = targets.commits.keys()
    return { ref: spec.ref ?? targets.defaultBranch ?? '', revision: first }
  }
}

interface Task {
  readonly spec: RepoSpec
  readonly targets: Targets
  readonly signal: AbortSignal
  readonly report: ProgressReport
}

const bringUpToDate = async (components: SyncComponents, task: Task): Promise<void> => {
  const { repo } = task.targets
  try {
    await offerTargets(components, task)
  } catch (error) {
    if (!task.signal.aborted) await components.catalog.update(repo, (held) => held && markJob(held, repo, 'failed'))
    throw error
  }
}

const offerTargets = async (components: SyncComponents, task: Task): Promise<void> => {
  const { catalog, blocks } = components
  const { spec, targets, report } = task
  const { repo } = targets
  const held = await catalog.offered(repo)
  const former = repo.id === spec.id ? undefined : await catalog.offered(spec)
  const aliases = repo.id === spec.id ? [] : [spec.id, ...(former?.aliases ?? [])]
  const steps = [...targets.commits].filter(([sha, names]) => isNews(held, { sha, names, targets, aliases }))
  if (steps.some(([sha]) => held?.revisions[sha] === undefined))
    await catalog.update(repo, (now) => markJob(now, repo, 'pulling'))

  const known = steps.length === 0 ? new Map<string, FileContent>() : await knownContents(blocks, [held, former])
  for (const [index, [revision, refs]] of steps.entries()) {
    const { manifest, history } = await bringRevision(components, task, { held, revision, refs, known })
    const change: OfferChange = {
      repo,
      revision,
      manifest,
      refs,
      history,
      aliases,
      defaultBranch: targets.defaultBranch,
    }
    const ages = await revisionAges(blocks, await catalog.offered(repo))
    report.stage('publishing')
    await catalog.update(repo, (now) => {
      const next = retain(offerRevision(now, change), ages)
      return index === steps.length - 1 ? settle(next, targets) : next
    })
  }
  if (steps.length === 0) await catalog.update(repo, (now) => now && settle(now, targets))
  if (former !== undefined) await catalog.update(former.repo, () => undefined)
}

interface Step {
  readonly held: CatalogRepo | undefined
  readonly revision: GitOid
  readonly refs: readonly string[]
  readonly known: Map<string, FileContent>
}

/** The revision's manifest, pulled unless it is retained, and the histories of the branches that are at it. */
const bringRevision = async (
  components: SyncComponents,
  { targets: { repo }, signal, report }: Task,
  { held, revision, refs, known }: Step,
): Promise<{ manifest: Cid; history: Record<string, Cid> }> => {
  const branches = refs.filter((name) => !name.startsWith('refs/'))
  const retained = held?.revisions[revision]
  if (retained !== undefined) {
    const limit = branches.length === 0 ? 0 : HISTORY_COMMITS
    const commits = limit === 0 ? [] : await components.hub.commits(repo, revision, { limit, signal })
    return { manifest: retained, history: await storeHistory(components, branches, commits) }
  }
  const parent = held?.refs[refs[0] ?? '']?.revision
  const { manifest, commits } = await pullRevision(
    components,
    { repo, sha: revision, parent, known, commits: branches.length === 0 ? 1 : HISTORY_COMMITS },
    { signal, report },
  )
  return { manifest, history: await storeHistory(components, branches, commits) }
}

/** Commits of a branch that are passed on. */
const HISTORY_COMMITS = 200

const storeHistory = async (
  { blocks }: SyncComponents,
  branches: readonly string[],
  commits: readonly CommitInfo[],
): Promise<Record<string, Cid>> => {
  if (branches.length === 0 || commits.length === 0) return {}
  const block = encodeHistory(commits)
  await blocks.put([block])
  return Object.fromEntries(branches.map((name) => [name, block.cid]))
}

interface News {
  readonly sha: GitOid
  readonly names: readonly string[]
  readonly targets: Targets
  readonly aliases: readonly string[]
}

const isNews = (held: CatalogRepo | undefined, { sha, names, targets, aliases }: News): boolean =>
  held?.revisions[sha] === undefined ||
  names.some((name) => held.refs[name]?.revision !== sha) ||
  (targets.defaultBranch !== undefined && targets.defaultBranch !== held.defaultBranch) ||
  aliases.some((alias) => held.aliases?.includes(alias) !== true)

/** The end of a sync: what is gone upstream goes, and the job leaves no mark. */
const settle = (offer: CatalogRepo, { repo, isGone }: Targets): CatalogRepo => {
  const isLeft = Object.keys(offer.refs).some(isGone)
  return markJob(isLeft ? dropRefs(offer, isGone) : offer, repo, undefined)
}
