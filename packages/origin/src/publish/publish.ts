import {
  type BlobStore,
  type CatalogRepo,
  type CommitInfo,
  type Entry,
  type FileEntry,
  type GitOid,
  MeshError,
  type Publisher,
  type RepoRef,
  decodeHistory,
  decodeManifest,
  decodeManifestPage,
  encodeHistory,
  isFile,
  isGitOid,
  isRefName,
} from '@hubmesh/content'
import type { OwnCatalog } from '../catalog-writer.ts'
import { createSlots, forEachLimited } from '../http/parallel.ts'
import { type ManifestComponents, storeManifest } from '../manifests.ts'
import { PUBLISHED, refuseUpstreamNamespace } from '../namespaces.ts'
import { offerRevision, retain, revisionAges } from '../sync/offer.ts'
import { type ProgressReport, createProgress } from '../sync/progress.ts'
import { type Trees, hashCommit, hashTrees, pointerOid } from './git-objects.ts'
import { isLfs } from './lfs-rule.ts'
import { type LocalFile, walkFolder } from './walk.ts'

export interface PublishComponents extends ManifestComponents {
  readonly blobs: BlobStore
  readonly catalog: OwnCatalog
}

/** Files that are read at once: hashing keeps the workers busy, not the disk's queue. */
const FILES_AT_ONCE = 4
const MAX_MESSAGE_CHARACTERS = 20_000
const MAX_HISTORY = 200

/**
 * A folder becomes a revision with the commit sha that git would give it: author and committer are this publisher, the date is
 * now, the parent is what the ref was at. The same content again publishes nothing.
 */
export const createPublish = (components: PublishComponents): Publisher['publish'] => {
  const { blocks, catalog } = components
  /** A commit's parent is where the ref is: one after another. */
  const turn = createSlots(1)

  const publish: Publisher['publish'] = async (
    { directory, repo, ref, message },
    { signal, onProgress = () => {} },
  ) => {
    const name = requireRef(ref)
    requireMessage(message)
    await refuseUpstreamNamespace({ blocks, repos: () => catalog.repos() }, repo)
    const report = createProgress(onProgress)
    report.stage('resolving')
    const files = await walkFolder(directory, signal)
    const content = await ingestAll(components.blobs, files, { signal, report })
    const totals = { files: files.length, bytes: content.files.reduce((sum, { size }) => sum + size, 0) }
    const held = await catalog.offered(repo)
    const parent = held?.refs[name]?.revision
    if (parent !== undefined && (await isSameContent(components, { held, revision: parent, content })))
      return { revision: parent, ...totals, unchanged: true }
    report.stage('publishing')
    const commit = makeCommit(components.signer.publisher, { tree: content.trees.root, parent, message })
    await offer(components, { repo, name, commit, parent, content })
    return { revision: commit.id, ...totals }
  }

  return (request, options) => turn.run(() => publish(request, options), options.signal)
}

interface Content {
  readonly files: readonly FileEntry[]
  readonly trees: Trees
}

const ingestAll = async (
  blobs: BlobStore,
  files: readonly LocalFile[],
  { signal, report }: { signal: AbortSignal; report: ProgressReport },
): Promise<Content> => {
  report.begin(files)
  const entries: FileEntry[] = []
  await forEachLimited(files, { limit: FILES_AT_ONCE, signal }, async (file, signal) => {
    let seen = 0
    const onProgress = (bytes: number): void => {
      report.bytes(bytes - seen)
      seen = bytes
    }
    entries.push(await ingestFile(blobs, file, { signal, onProgress }))
    onProgress(file.size)
    report.done([file])
  })
  const executable = new Set(files.filter(({ isExecutable }) => isExecutable).map(({ path }) => path))
  const trees = hashTrees(entries.map(({ path, oid }) => ({ path, oid, isExecutable: executable.has(path) })))
  return { files: entries, trees }
}

/** What counts is what was read, should the file have changed since the walk. */
const ingestFile = async (
  blobs: BlobStore,
  file: LocalFile,
  options: { signal: AbortSignal; onProgress: (bytes: number) => void },
): Promise<FileEntry> => {
  const { sha256, size, gitOid, list } = await blobs.ingestFile(file.source, { gitOid: true, ...options })
  const common = { path: file.path, size, sha256, list }
  if (isLfs(file.path, size)) {
    const { oid, pointerSize } = pointerOid(sha256, size)
    return { ...common, oid, lfs: { oid: sha256, size, pointerSize } }
  }
  if (gitOid === undefined) throw new MeshError('io', `the store gave no git oid for ${file.path}`)
  return { ...common, oid: gitOid }
}

const isSameContent = async (
  { blocks }: PublishComponents,
  { held, revision, content }: { held: CatalogRepo | undefined; revision: GitOid; content: Content },
): Promise<boolean> => {
  const manifest = held?.revisions[revision]
  const root = manifest === undefined ? undefined : await blocks.get(manifest)
  if (root === undefined) return false
  const before = new Set<string>()
  for (const cid of decodeManifest(root.bytes).entries) {
    const page = await blocks.get(cid)
    if (page === undefined) return false
    for (const entry of decodeManifestPage(page.bytes)) before.add(sameness(entry))
  }
  const now = [...content.files, ...content.trees.directories].map(sameness)
  return now.length === before.size && now.every((one) => before.has(one))
}

const sameness = (entry: Entry): string => `${entry.oid} ${isFile(entry) ? entry.sha256 : ''} ${entry.path}`

const makeCommit = (
  author: string,
  { tree, parent, message }: { tree: GitOid; parent: GitOid | undefined; message: string },
): CommitInfo => {
  const date = new Date()
  date.setMilliseconds(0) // all that git keeps
  return {
    id: hashCommit({ tree, parent, author, date, message }),
    title: message.split('\n', 1)[0]?.slice(0, 1000) ?? '',
    message,
    date: date.toISOString(),
    authors: [{ user: author }],
  }
}

interface Offer {
  readonly repo: RepoRef
  readonly name: string
  readonly commit: CommitInfo
  readonly parent: GitOid | undefined
  readonly content: Content
}

const offer = async (components: PublishComponents, { repo, name, commit, parent, content }: Offer): Promise<void> => {
  const { blocks, catalog } = components
  const manifest = await storeManifest(components, {
    repo,
    revision: commit.id,
    parent,
    createdAt: new Date().toISOString(),
    upstream: PUBLISHED,
    info: makeInfo(repo, commit),
    commit,
    entries: [...content.files, ...content.trees.directories],
  })
  const held = await catalog.offered(repo)
  const isBranch = !name.startsWith('refs/')
  const history = isBranch ? { [name]: await storeHistory(components, { held, name, commit }) } : {}
  const defaultBranch = held?.defaultBranch ?? (isBranch ? name : undefined)
  const change = { repo, revision: commit.id, manifest, refs: [name], history, defaultBranch }
  const ages = await revisionAges(blocks, held)
  await catalog.update(repo, (now) => retain(offerRevision(now, change), ages))
}

const storeHistory = async (
  { blocks }: PublishComponents,
  { held, name, commit }: { held: CatalogRepo | undefined; name: string; commit: CommitInfo },
) => {
  const cid = held?.history?.[name]
  const before = cid === undefined ? undefined : await blocks.get(cid)
  const commits = before === undefined ? [] : decodeHistory(before.bytes)
  const block = encodeHistory([commit, ...commits].slice(0, MAX_HISTORY))
  await blocks.put([block])
  return block.cid
}

/** As the Hub answers for a repo that nobody has described. */
const makeInfo = ({ type, id }: RepoRef, commit: CommitInfo): Record<string, unknown> => ({
  id,
  ...(type === 'model' ? { modelId: id } : {}),
  ...(id.includes('/') ? { author: id.slice(0, id.indexOf('/')) } : {}),
  sha: commit.id,
  lastModified: commit.date,
  private: false,
  gated: false,
  disabled: false,
  likes: 0,
  downloads: 0,
  tags: [],
})

/** A branch by its bare name, everything else in full. @throws MeshError `bad-input` */
const requireRef = (ref: string): string => {
  const name = ref.replace(/^refs\/heads\//, '')
  if (isRefName(name) && !isGitOid(name)) return name
  throw new MeshError('bad-input', `nothing can be published as ${JSON.stringify(ref.slice(0, 100))}`, {
    hint: 'name a branch, or a tag as refs/tags/NAME',
  })
}

const requireMessage = (message: string): void => {
  if (message.length <= MAX_MESSAGE_CHARACTERS && !message.includes('\0')) return
  throw new MeshError('bad-input', `a message is at most ${MAX_MESSAGE_CHARACTERS} characters, without a NUL`)
}
