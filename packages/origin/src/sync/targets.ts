import {
  type CatalogRepo,
  DEFAULT_BRANCH,
  type GitOid,
  MeshError,
  type RepoRef,
  type RepoSpec,
  globMatcher,
  isGitOid,
  repoKey,
} from '@hubmesh/content'
import type { HubClient } from '../hub/hub-client.ts'

/** What a spec names today: commits, and the refs that are at them. */
export interface Targets {
  /** Under the id that it has today. */
  readonly repo: RepoRef
  /** Commit -> names in the catalog; no name for a commit that was named itself. The default branch comes first. */
  readonly commits: ReadonlyMap<GitOid, readonly string[]>
  readonly defaultBranch?: string | undefined
  /** Whether a ref that is not among them, but held, is gone upstream. */
  readonly isGone: (name: string) => boolean
}

export interface TargetComponents {
  readonly hub: HubClient
  /** What is offered of a repo already. */
  readonly offered: (repo: RepoRef) => Promise<CatalogRepo | undefined>
}

/** Refs of one spec: what a catalog's shard can hold beside other repos. */
const MAX_REFS = 1000

/**
 * Asks upstream which commits a spec names: one request where nothing is new.
 * - without a ref: the default branch
 * - `v1`: the branch, else the tag; `refs/pr/1` and the like; a full commit
 * - `v*`, `*`: all branches and tags that match, by their short names; `refs/pr/*` by full names
 * - `**`: every branch, tag and other ref
 * @throws MeshError `revision-not-found`, `bad-input` for over 1 000 refs, and as HubClient
 */
export const findTargets = (components: TargetComponents, spec: RepoSpec, signal: AbortSignal): Promise<Targets> => {
  const { ref } = spec
  if (ref === undefined) return defaultTarget(components, spec, signal)
  if (ref.includes('*')) return matchingTargets(components.hub, { spec, pattern: ref, signal })
  return namedTarget(components.hub, { spec, name: ref.replace(/^refs\/heads\//, ''), signal })
}

const nothingGone = (): boolean => false

const defaultTarget = async (
  { hub, offered }: TargetComponents,
  spec: RepoRef,
  signal: AbortSignal,
): Promise<Targets> => {
  const { repo, sha } = await hub.resolve(spec, 'HEAD', signal)
  const held = await offered(repo)
  const known = held?.defaultBranch
  const isSame = known !== undefined && held?.refs[known]?.revision === sha
  const name = isSame ? known : await nameOfDefault(hub, { repo, sha, signal })
  return { repo, commits: new Map([[sha, [name]]]), defaultBranch: name, isGone: nothingGone }
}

/** The API does not say which branch is the default one: it is one that is at its commit. */
const nameOfDefault = async (
  hub: HubClient,
  { repo, sha, signal }: { repo: RepoRef; sha: GitOid; signal: AbortSignal },
): Promise<string> => {
  const { refs } = await hub.refs(repo, { pullRequests: false, signal })
  const there = Array.from(refs, ([name, at]) => (at === sha && isBranch(name) ? name : [])).flat()
  // None where it moved between the two questions: then it is most likely the usual one.
  return there.includes(DEFAULT_BRANCH) ? DEFAULT_BRANCH : (there[0] ?? DEFAULT_BRANCH)
}

interface Asked {
  readonly spec: RepoSpec
  readonly signal: AbortSignal
}

const namedTarget = async (
  hub: HubClient,
  { spec, name, signal }: Asked & { readonly name: string },
): Promise<Targets> => {
  if (isGitOid(name) || name.startsWith('refs/')) {
    const { repo, sha } = await hub.resolve(spec, name, signal)
    return { repo, commits: new Map([[sha, isGitOid(name) ? [] : [name]]]), isGone: nothingGone }
  }
  const { repo, refs } = await hub.refs(spec, { pullRequests: false, signal })
  const found = [name, `refs/tags/${name}`].find((full) => refs.has(full))
  const sha = found === undefined ? undefined : refs.get(found)
  if (found === undefined || sha === undefined) {
    throw new MeshError('revision-not-found', `${repoKey(repo)} has no branch or tag ${name} upstream`)
  }
  return { repo, commits: new Map([[sha, [found]]]), isGone: nothingGone }
}

const matchingTargets = async (
  hub: HubClient,
  { spec, pattern, signal }: Asked & { readonly pattern: string },
): Promise<Targets> => {
  const isWanted = refMatcher(pattern)
  const pullRequests = pattern === '**' || pattern.startsWith('refs/')
  const { repo, refs } = await hub.refs(spec, { pullRequests, signal })
  const wanted = [...refs].filter(([name]) => isWanted(name))
  if (wanted.length > MAX_REFS) {
    throw new MeshError('bad-input', `${wanted.length} refs of ${repoKey(repo)} match ${pattern}`, {
      hint: `name fewer: at most ${MAX_REFS}`,
    })
  }
  const byCommit = Map.groupBy(
    wanted.toSorted(([a], [b]) => Number(b === DEFAULT_BRANCH) - Number(a === DEFAULT_BRANCH)),
    ([, sha]) => sha,
  )
  return {
    repo,
    commits: new Map(Array.from(byCommit, ([sha, named]) => [sha, named.map(([name]) => name)])),
    isGone: (name) => isWanted(name) && !refs.has(name),
  }
}

const refMatcher = (pattern: string): ((name: string) => boolean) => {
  if (pattern === '**') return () => true
  const matches = globMatcher([pattern])
  if (pattern.startsWith('refs/')) return matches
  return (name) => (isBranch(name) || name.startsWith('refs/tags/')) && matches(name.replace(/^refs\/tags\//, ''))
}

const isBranch = (name: string): boolean => !name.startsWith('refs/')
