import { setTimeout as sleep } from 'node:timers/promises'
import {
  type BlobHandle,
  type Block,
  type ByteRange,
  type ByteSource,
  type Cid,
  type FileBody,
  type FileEntry,
  type Library,
  MAX_CHUNK_BYTES,
  MeshError,
  type OfferedRepo,
  type ReadOptions,
  type RepoRef,
  type Snapshot,
  chunkCid,
  isFile,
  repoKey,
} from '@hubmesh/content'
import { type CommitPlan, type Content, type TestCommit, bytesOf, commitOf } from './repos.ts'

/** How a file that is not here yet comes. */
export interface Cold {
  readonly chunkBytes: number
  /** Before each chunk; never returns for a chunk that does not come. */
  readonly before?: (chunk: number, signal: AbortSignal) => Promise<void>
  /** Before it is open; deaf to the signal. */
  readonly opening?: Promise<void>
  /** Gives so many bytes more than were asked for, as only a fault would. */
  readonly tooMany?: number
  /** Told how the file is read. */
  readonly onRead?: (options: ReadOptions) => void
}

export interface RepoPlan {
  readonly commits: readonly CommitPlan[]
  /** Ref (as a catalog names it) -> index of the commit. @default main at the last */
  readonly refs?: Readonly<Record<string, number>>
  /** Refs that this site has not moved yet. */
  readonly behind?: Readonly<Record<string, number>>
  readonly aliases?: readonly string[]
  readonly stale?: boolean
}

/** A real library over memory: what is warm is read by offset, what is cold comes in chunks, late or never. */
export interface TestLibrary extends Library {
  add(repo: RepoRef, plan: RepoPlan): readonly TestCommit[]
  /** From now on the file is cold. */
  chill(path: string, cold: Cold): void
  /** Resolving this repo is `not-ready` so many times. */
  hide(repo: RepoRef, times: number): void
  /** From now on this structured block is held. */
  keep(block: Block): void
  /** Files that HEAD asked to warm. */
  readonly warmed: string[]
  /** Bodies that were opened and not closed. */
  open(): number
}

const PUBLISHER = '12D3KooWTestPublisher'

interface TestRepo {
  readonly behind: Readonly<Record<string, TestCommit>>
  readonly offered: OfferedRepo
  readonly commits: readonly TestCommit[]
}

export const createTestLibrary = (): TestLibrary => {
  const repos = new Map<string, TestRepo>()
  const cold = new Map<string, Cold>()
  const hidden = new Map<string, number>()
  const warmed: string[] = []
  const blocks = new Map<Cid, Uint8Array>()
  let opened = 0

  const find = (repo: RepoRef): TestRepo => {
    const key = repoKey(repo)
    const times = hidden.get(key) ?? 0
    if (times > 0) {
      hidden.set(key, times - 1)
      throw new MeshError('not-ready', 'no catalog has come yet', { retryAfter: 0 })
    }
    const found =
      repos.get(key) ?? [...repos.values()].find(({ offered }) => offered.aliases?.includes(repo.id) === true)
    if (found === undefined) throw new MeshError('repo-not-found', `${repo.id} is not offered here`)
    return found
  }
  const bodyOf = (file: FileEntry, content: Content): FileBody => {
    opened += 1
    let closed = false
    const slow = cold.get(file.path)
    return {
      size: file.size,
      source: slow === undefined ? 'local' : 'peer',
      ...(slow === undefined ? { blob: blobOf(file, content) } : {}),
      read: (range, options) => {
        slow?.onRead?.(options)
        return readCold(content, range, slow ?? { chunkBytes: 1024 }, options.signal)
      },
      close: async () => {
        if (!closed) opened -= 1
        closed = true
      },
    }
  }
  return {
    warmed,
    open: () => opened,
    add: (repo, { commits: plans, refs, behind = {}, aliases, stale = false }) => {
      const commits = plans.map((plan) => commitOf(repo, plan))
      const at = (index: number) => ({
        revision: commitAt(commits, index).revision,
        manifest: cidOf(commitAt(commits, index)),
        since: '2026-01-05T08:00:00Z',
      })
      const named = Object.entries(refs ?? { main: commits.length - 1 }).map(([name, index]) => [name, at(index)])
      const offered: OfferedRepo = {
        repo,
        refs: Object.fromEntries(named) as OfferedRepo['refs'],
        revisions: Object.fromEntries(commits.map((commit) => [commit.revision, cidOf(commit)])),
        publisher: PUBLISHER,
        stale,
        ...(aliases === undefined ? {} : { aliases }),
      }
      const late = Object.entries(behind).map(([name, index]) => [name, commitAt(commits, index)])
      for (const { contents } of commits)
        for (const content of contents.values())
          if (content.size <= MAX_CHUNK_BYTES) blocks.set(chunkCid(content.sha256), bytesOf(content))
      repos.set(repoKey(repo), {
        offered,
        commits,
        behind: Object.fromEntries(late) as TestRepo['behind'],
      })
      return commits
    },
    keep: ({ cid, bytes }) => void blocks.set(cid, bytes),
    chill: (path, how) => void cold.set(path, how),
    hide: (repo, times) => void hidden.set(repoKey(repo), times),
    resolve: async (repo, revision, { newest = false }) => {
      const { offered, commits, behind } = find(repo)
      const name = revision === 'HEAD' ? 'main' : revision
      const late = newest ? undefined : behind[name]
      const sha = late?.revision ?? (offered.refs[name] ?? offered.refs[`refs/tags/${name}`])?.revision ?? name
      const commit = commits.find((commit) => commit.revision === sha)
      if (commit === undefined) throw new MeshError('revision-not-found', `${revision} is no revision of ${repo.id}`)
      return snapshotOf(
        offered,
        commit,
        async (file, content) => {
          await cold.get(file.path)?.opening
          return bodyOf(file, content)
        },
        { warmed, source: (path) => (cold.has(path) ? 'peer' : 'local') },
      )
    },
    repo: async (repo) => find(repo).offered,
    list: async (type) =>
      [...repos.values()]
        .map(({ offered }) => offered)
        .filter(({ repo }) => repo.type === type)
        .toSorted((a, b) => (a.repo.id < b.repo.id ? -1 : 1)),
    commits: async (repo) =>
      find(repo)
        .commits.toReversed()
        .map(({ manifest }) => manifest.commit),
    pull: () => Promise.reject(new Error('the gateway does not pull')),
    block: async (cid) => blocks.get(cid),
    repos: async () => [],
    transfers: () => [],
  }
}

const snapshotOf = (
  offered: OfferedRepo,
  { manifest, revision, entries, contents }: TestCommit,
  open: (file: FileEntry, content: Content) => Promise<FileBody>,
  { warmed, source }: { warmed: string[]; source: (path: string) => ByteSource },
): Snapshot => ({
  repo: offered.repo,
  revision,
  cid: 'bafytest' as Cid,
  manifest,
  publisher: offered.publisher,
  stale: offered.stale,
  since: '2026-01-05T08:00:00Z',
  entries: async () => entries,
  entry: async (path) => entries.find((entry) => entry.path === path),
  open: async (file) => {
    const content = contents.get(file.path)
    if (content === undefined || !isFile(file)) throw new Error('not a file of this commit')
    return open(file, content)
  },
  source: async (file) => source(file.path),
  warm: (file) => void warmed.push(file.path),
})

const blobOf = (file: FileEntry, content: Content): BlobHandle => ({
  size: file.size,
  path: file.path,
  readInto: async (offset, buffer) => {
    const length = Math.min(buffer.length, content.size - offset)
    await sleep(0) // as a disk: never at once
    content.fill(offset, buffer.subarray(0, length))
    return length
  },
  close: async () => {},
})

async function* readCold(
  content: Content,
  range: ByteRange,
  { chunkBytes, before, tooMany = 0 }: Cold,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { start } = range
  const end = range.end + tooMany
  for (let at = start, chunk = 0; at < end; chunk += 1) {
    signal.throwIfAborted()
    await before?.(chunk, signal)
    const length = Math.min(chunkBytes, end - at)
    const bytes = new Uint8Array(length)
    content.fill(at, bytes)
    at += length
    yield bytes
  }
}

const cidOf = ({ revision }: TestCommit): Cid => `bafy${revision}` as Cid

const commitAt = (commits: readonly TestCommit[], index: number): TestCommit => {
  const commit = commits[index]
  if (commit === undefined) throw new Error(`no commit ${index}`)
  return commit
}

/** Waits as a chunk does that nobody has: until the reader goes. */
export const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
