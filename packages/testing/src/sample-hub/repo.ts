import {
  type GitOid,
  type JsonValue,
  type RepoRef,
  type Sha256,
  asRepoPath,
  comparePaths,
  gitBlobOid,
  repoKey,
} from '@hubmesh/content'
import { type Content, type FileContent, digestContent, openContent } from './content.ts'
import { commitOid, lfsPointer, treeOids } from './git.ts'

export interface HubCommit {
  readonly id: GitOid
  readonly parent: GitOid | undefined
  readonly title: string
  readonly message: string
  /** ISO 8601 in UTC. */
  readonly date: string
  readonly author: string
}

export interface HubFile {
  readonly path: string
  readonly size: number
  /** Git's id of what git holds: the content, or the pointer of an LFS file. */
  readonly oid: GitOid
  /** Of the content. */
  readonly sha256: Sha256
  readonly lfs: { readonly oid: Sha256; readonly size: number; readonly pointerSize: number } | undefined
  readonly content: Content
  readonly lastCommit: HubCommit
}

export interface HubFolder {
  readonly path: string
  readonly oid: GitOid
  readonly lastCommit: HubCommit
}

export interface HubRevision {
  readonly commit: HubCommit
  /** In git's order of paths. */
  readonly files: ReadonlyMap<string, HubFile>
  readonly folders: ReadonlyMap<string, HubFolder>
  /** Files and folders together, in git's order of paths. */
  readonly entries: readonly (HubFile | HubFolder)[]
}

export interface RepoOptions {
  readonly private?: boolean
  readonly gated?: 'auto' | 'manual'
  readonly disabled?: boolean
  /** Fields of the Hub's answer about the repo that are not computed: `tags`, `cardData`, `pipeline_tag` and so on. */
  readonly info?: Readonly<Record<string, JsonValue>>
  /** Which files are LFS. @default the usual suffixes of weights and archives, and all over 10 MiB */
  readonly isLfs?: (path: string, size: number) => boolean
}

export interface HubRepo {
  ref: RepoRef
  readonly options: RepoOptions
  readonly createdAt: string
  /** Full names: `refs/heads/main`, `refs/tags/v1`, `refs/pr/1`. */
  readonly refs: Map<string, GitOid>
  readonly revisions: Map<string, HubRevision>
}

/** What a commit does, by path: new content, or `null` to delete. */
export type FileChanges = Readonly<Record<string, FileContent | null>>

export interface CommitOptions {
  /** @default 'Update' */
  readonly message?: string
  /** A branch, or a full name like `refs/pr/1`; made from `main` where it is new. @default 'main' */
  readonly ref?: string
}

export const MAIN = 'refs/heads/main'

/** Adds a commit on top of a ref and moves the ref to it. @throws Error for a bad path, or a deletion of what is not there */
export const addCommit = async (
  repo: HubRepo,
  changes: FileChanges,
  { message = 'Update', ref = MAIN, date }: CommitOptions & { readonly date: Date },
): Promise<GitOid> => {
  const parent = repo.revisions.get(repo.refs.get(fullRef(ref)) ?? repo.refs.get(MAIN) ?? '')
  const changed = await storeFiles(repo, changes)
  const contents = new Map<string, Omit<HubFile, 'lastCommit'>>([...(parent?.files ?? []), ...changed])
  for (const [path, content] of Object.entries(changes)) {
    if (content === null && !contents.delete(path)) throw new Error(`${path} is not there to be deleted`)
  }
  const trees = treeOids(Array.from(contents.values(), ({ path, oid }) => [path, oid]))
  const text = { tree: trees.get('')!, parent: parent?.commit.id, author: 'sample', date, message }
  const title = message.split('\n', 1)[0] ?? ''
  const { author } = text
  const commit = { id: commitOid(text), parent: text.parent, title, message, date: date.toISOString(), author }
  repo.revisions.set(commit.id, describe(commit, { contents, trees, parent }))
  repo.refs.set(fullRef(ref), commit.id)
  return commit.id
}

/** `main` -> `refs/heads/main`; full names stay. */
export const fullRef = (name: string): string => (name.startsWith('refs/') ? name : `refs/heads/${name}`)

/** A branch, tag, full ref, commit, short commit or `HEAD`. */
export const findRevision = (repo: HubRepo, name: string): HubRevision | undefined => {
  const ref = name === 'HEAD' ? MAIN : name
  const sha = repo.refs.get(fullRef(ref)) ?? repo.refs.get(`refs/tags/${ref}`) ?? ref
  const exact = repo.revisions.get(sha)
  if (exact !== undefined || !/^[0-9a-f]{7,39}$/.test(sha)) return exact
  const matches = [...repo.revisions.values()].filter(({ commit }) => commit.id.startsWith(sha))
  return matches.length === 1 ? matches[0] : undefined
}

/** @throws Error naming the repo and the revision */
export const requireRevision = (repo: HubRepo, name: string): HubRevision => {
  const revision = findRevision(repo, name)
  if (revision === undefined) throw new Error(`${repoKey(repo.ref)} has no revision ${name}`)
  return revision
}

/** Newest first. */
export const history = (repo: HubRepo, from: HubRevision): HubCommit[] => {
  const commits: HubCommit[] = []
  for (let at: HubRevision | undefined = from; at !== undefined; at = repo.revisions.get(at.commit.parent ?? '')) {
    commits.push(at.commit)
  }
  return commits
}

type StoredFile = Omit<HubFile, 'lastCommit'>

const storeFiles = async (repo: HubRepo, changes: FileChanges): Promise<Map<string, StoredFile>> => {
  const isLfs = repo.options.isLfs ?? isUsuallyLfs
  const stored = new Map<string, StoredFile>()
  for (const [path, given] of Object.entries(changes)) {
    if (given !== null) stored.set(asRepoPath(path), await storeFile(path, await openContent(given), isLfs))
  }
  return stored
}

const storeFile = async (
  path: string,
  content: Content,
  isLfs: (path: string, size: number) => boolean,
): Promise<StoredFile> => {
  const { size } = content
  const { sha256, gitOid } = await digestContent(content)
  if (!isLfs(path, size)) return { path, size, oid: gitOid, sha256, lfs: undefined, content }
  const pointer = lfsPointer(sha256, size)
  const lfs = { oid: sha256, size, pointerSize: pointer.length }
  return { path, size, oid: gitBlobOid(pointer), sha256, lfs, content }
}

interface RevisionParts {
  readonly contents: ReadonlyMap<string, StoredFile>
  readonly trees: ReadonlyMap<string, GitOid>
  readonly parent: HubRevision | undefined
}

/** A file or folder keeps the last commit it had when its oid is the same as in the parent. */
const describe = (commit: HubCommit, { contents, trees, parent }: RevisionParts): HubRevision => {
  const since = (before: HubFile | HubFolder | undefined, oid: GitOid): HubCommit =>
    before?.oid === oid ? before.lastCommit : commit
  const paths = [...contents.keys()].sort(comparePaths)
  const files = new Map<string, HubFile>()
  for (const path of paths) {
    const file = contents.get(path)!
    files.set(path, { ...file, lastCommit: since(parent?.files.get(path), file.oid) })
  }
  const folders = new Map<string, HubFolder>()
  for (const [path, oid] of trees) {
    if (path !== '') folders.set(path, { path, oid, lastCommit: since(parent?.folders.get(path), oid) })
  }
  const entries = [...files.values(), ...folders.values()].sort((a, b) => comparePaths(a.path, b.path))
  return { commit, files, folders, entries }
}

const LFS_SUFFIX =
  /\.(7z|arrow|bin|ckpt|gguf|gz|h5|model|msgpack|npy|npz|onnx|parquet|pkl|pt|pth|safetensors|tar|wav|zip)$/
const LFS_FROM_BYTES = 10 * 1024 * 1024

const isUsuallyLfs = (path: string, size: number): boolean => LFS_SUFFIX.test(path) || size > LFS_FROM_BYTES
