import { type GitOid, type RepoRef, parseRepoSpec, repoKey } from '@hubmesh/content'
import { createCdnSigner } from './cdn.ts'
import { type Faults, createFaults } from './faults.ts'
import { exchange } from './exchange.ts'
import { type RequestRecord, createLedger } from './ledger.ts'
import { createListener } from './listener.ts'
import {
  type CommitOptions,
  type FileChanges,
  type HubFile,
  type HubRepo,
  MAIN,
  type RepoOptions,
  addCommit,
  fullRef,
  requireRevision,
} from './repo.ts'
import type { HubState, HubUser } from './state.ts'

export interface SampleHubOptions {
  /** 0 for any free one. @default 0 */
  readonly port?: number
  /** Entries of a page of a listing. @default 1000 */
  readonly pageSize?: number
  /** Who may log in: users by their token. Repos that are neither private nor gated need none. @default nobody */
  readonly tokens?: Readonly<Record<string, HubUser>>
  /** How long the CDN's signed URLs are good for. @default 3600 */
  readonly signedSeconds?: number
}

/** A repo as `[model:|dataset:|space:]ID`, or as parsed. */
export type RepoName = string | RepoRef

/** A small Hub: a real HTTP server that behaves towards clients as the Hugging Face Hub does. */
export interface SampleHub {
  /** `http://127.0.0.1:PORT`: what `HF_ENDPOINT` or `--upstream` take. */
  readonly url: string
  /** `http://localhost:PORT`: where LFS files come from, another host name as with the real Hub. */
  readonly cdnUrl: string
  /** Adds a repo with its first commit on `main`. @returns the commit's sha */
  addRepo(
    name: RepoName,
    options: RepoOptions & { readonly files: FileChanges; readonly message?: string },
  ): Promise<GitOid>
  /** Adds a commit on top of a branch or ref. @returns its sha */
  commit(name: RepoName, changes: FileChanges, options?: CommitOptions): Promise<GitOid>
  tag(name: RepoName, tag: string, revision?: string): void
  /** Points any ref, by its full name, at a revision, back as well as forward; `undefined` deletes it. */
  setRef(name: RepoName, ref: string, revision: string | undefined): void
  /** The old id then answers with redirects. */
  renameRepo(name: RepoName, id: string): void
  removeRepo(name: RepoName): void
  /** The commit that a revision means now. @default `main` */
  sha(name: RepoName, revision?: string): GitOid
  /** What a client must end up with, byte for byte. @default `main` */
  source(name: RepoName, revision?: string): ReadonlyMap<string, HubFile>
  /** The last 10 000 requests, in the order of their arrival. */
  readonly requests: readonly RequestRecord[]
  /** Bytes of files sent since the start or `resetCounters`, wasted ones too. */
  readonly bodyBytes: number
  resetCounters(): void
  readonly faults: Faults
  /** Connections are refused from now on. */
  stop(): Promise<void>
  /** Comes back, on the same ports. */
  start(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** The sample Hub's clock: the first commit here, each other a minute later. So shas are the same in every run. */
const EPOCH = Date.UTC(2026, 0, 5, 8)
const MINUTE = 60_000

/**
 *     const hub = await createSampleHub()
 *     await hub.addRepo('owner/name', { files: { 'README.md': '# Hello', 'model.safetensors': { seed: 1, size: 1e9 } } })
 *     HF_ENDPOINT = hub.url
 */
export const createSampleHub = async (options: SampleHubOptions = {}): Promise<SampleHub> => {
  const { port = 0, pageSize = 1000, tokens = {}, signedSeconds = 3600 } = options
  const faults = createFaults()
  const ledger = createLedger()
  let commits = 0

  const hubListener = createListener(port, (message, response) =>
    exchange(state, ledger, { message, response, isCdn: false }),
  )
  const cdnListener = createListener(0, (message, response) =>
    exchange(state, ledger, { message, response, isCdn: true }),
  )
  const state: HubState = {
    repos: new Map(),
    renamed: new Map(),
    tokens: new Map(Object.entries(tokens)),
    faults,
    cdn: createCdnSigner({ url: () => `http://localhost:${cdnListener.port}`, seconds: signedSeconds }),
    pageSize,
    get url() {
      return `http://127.0.0.1:${hubListener.port}`
    },
  }
  const tick = (): Date => new Date(EPOCH + MINUTE * commits++)
  const start = async (): Promise<void> => {
    await hubListener.start()
    await cdnListener.start()
  }
  const stop = async (): Promise<void> => {
    await hubListener.stop()
    await cdnListener.stop()
  }
  await start()

  return {
    url: state.url,
    cdnUrl: `http://localhost:${cdnListener.port}`,
    addRepo: async (name, { files, message = 'Initial commit', ...repoOptions }) => {
      const ref = asRef(name)
      if (state.repos.has(repoKey(ref))) throw new Error(`${repoKey(ref)} is there already`)
      const date = tick()
      const repo: HubRepo = {
        ref,
        options: repoOptions,
        createdAt: date.toISOString(),
        refs: new Map(),
        revisions: new Map(),
      }
      const sha = await addCommit(repo, files, { message, date })
      state.repos.set(repoKey(ref), repo)
      return sha
    },
    commit: (name, changes, commitOptions = {}) =>
      addCommit(requireRepo(state, name), changes, { ...commitOptions, date: tick() }),
    tag: (name, tag, revision = MAIN) => setRef(requireRepo(state, name), `refs/tags/${tag}`, revision),
    setRef: (name, ref, revision) => setRef(requireRepo(state, name), fullRef(ref), revision),
    renameRepo: (name, id) => {
      const repo = requireRepo(state, name)
      state.repos.delete(repoKey(repo.ref))
      state.renamed.set(repoKey(repo.ref), { type: repo.ref.type, id })
      repo.ref = { type: repo.ref.type, id }
      state.repos.set(repoKey(repo.ref), repo)
    },
    removeRepo: (name) => {
      state.repos.delete(repoKey(requireRepo(state, name).ref))
    },
    sha: (name, revision = MAIN) => requireRevision(requireRepo(state, name), revision).commit.id,
    source: (name, revision = MAIN) => requireRevision(requireRepo(state, name), revision).files,
    requests: ledger.records,
    get bodyBytes() {
      return ledger.bodyBytes
    },
    resetCounters: () => ledger.clear(),
    faults,
    stop,
    start,
    [Symbol.asyncDispose]: stop,
  }
}

const asRef = (name: RepoName): RepoRef => {
  if (typeof name !== 'string') return name
  const { type, id } = parseRepoSpec(name)
  return { type, id }
}

const requireRepo = (state: HubState, name: RepoName): HubRepo => {
  const key = repoKey(asRef(name))
  const repo = state.repos.get(key)
  if (repo === undefined) throw new Error(`the sample Hub has no ${key}`)
  return repo
}

const setRef = (repo: HubRepo, ref: string, revision: string | undefined): void => {
  if (revision === undefined) repo.refs.delete(ref)
  else repo.refs.set(ref, requireRevision(repo, revision).commit.id)
}
