import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CATALOG_SHARDS,
  type Block,
  type CatalogHead,
  type CatalogRepo,
  type Cid,
  type FileEntry,
  type GitOid,
  MESH_AUDIENCE,
  type RepoRef,
  asGitOid,
  encodeCatalogRoot,
  encodeHistory,
  encodeManifest,
  encodeShard,
  gitBlobOid,
  repoKey,
  sha256Of,
  shardOf,
} from '@hubmesh/content'
import { type StoreParts, createMemoryStore } from '@hubmesh/testing'
import { type Signer, createSigner, loadIdentity, sealHead, signManifest } from '@hubmesh/trust'

const asItIs = (file: FileEntry): FileEntry => file

type Files = Readonly<Record<string, Uint8Array>>

export interface Revision {
  readonly revision: GitOid
  readonly manifest: Cid
  readonly root: Block
  readonly files: ReadonlyMap<string, FileEntry>
}

/** A publisher with a store of its own: what a seed is to an office, without the network. */
export interface Seed {
  readonly store: StoreParts
  readonly signer: Signer
  readonly publisher: string
  /** Ingests the files and makes a signed manifest of them; nothing is offered yet. */
  commit(repo: RepoRef, files: Files, change?: CommitOptions): Promise<Revision>
  /** Puts what a repo offers into the catalog of the next head. */
  offer(repo: RepoRef, offer: Partial<CatalogRepo>): void
  /** Commits the files as the new `main`, keeps the older revisions, and seals. */
  publish(repo: RepoRef, files: Files): Promise<Revision & { envelope: Uint8Array }>
  /** The sealed head of the catalog as it is now. */
  seal(change?: Partial<CatalogHead>): Promise<Uint8Array>
}

interface CommitOptions {
  /** Who signs. @default the seed itself */
  readonly signers?: readonly Signer[]
  /** Says something else of a file than what is true. */
  readonly tamper?: (file: FileEntry) => FileEntry
}

let made = 0

export const newSigner = async (): Promise<Signer> => {
  const folder = await mkdtemp(join(tmpdir(), 'hubmesh-mirror-'))
  try {
    return createSigner(await loadIdentity(join(folder, 'key')))
  } finally {
    await rm(folder, { recursive: true })
  }
}

export const createSeed = async (): Promise<Seed> => {
  const store = createMemoryStore()
  const signer = await newSigner()
  const { publisher } = signer
  const offers = new Map<string, CatalogRepo>()
  let sequence = Date.now()

  const ingest = async (path: string, bytes: Uint8Array): Promise<FileEntry> => {
    const sha256 = sha256Of(bytes)
    const ingest = await store.blobs.ingest({ key: sha256, size: bytes.length, expect: { sha256 } })
    await ingest.write(0, bytes)
    const { list } = await ingest.finish(new AbortController().signal)
    return { path, size: bytes.length, oid: gitBlobOid(bytes), sha256, ...(list === undefined ? {} : { list }) }
  }

  const commit: Seed['commit'] = async (repo, files, { signers = [signer], tamper = asItIs } = {}) => {
    const entries: FileEntry[] = []
    for (const [path, bytes] of Object.entries(files)) entries.push(tamper(await ingest(path, bytes)))
    const revision = asGitOid(
      createHash('sha1')
        .update(`commit ${(made += 1)}`)
        .digest('hex'),
    )
    const date = new Date(Date.now() - 1000).toISOString()
    const { root, pages } = encodeManifest({
      repo,
      revision,
      createdAt: date,
      upstream: 'publish',
      info: {},
      commit: { id: revision, title: `commit ${made}`, date },
      entries,
    })
    await store.blocks.put([...pages, root])
    await store.catalogs.addSignatures(root.cid, await Promise.all(signers.map((by) => signManifest(root, by))))
    return { revision, manifest: root.cid, root, files: new Map(entries.map((file) => [file.path, file])) }
  }

  const offer: Seed['offer'] = (repo, change) => {
    const before = offers.get(repoKey(repo)) ?? { repo, refs: {}, revisions: {} }
    offers.set(repoKey(repo), { ...before, ...change })
  }

  const seal: Seed['seal'] = async (change = {}) => {
    sequence = Math.max(sequence + 1, Date.now())
    const now = Date.now()
    const frame = {
      v: 1 as const,
      publisher,
      audience: MESH_AUDIENCE,
      sequence,
      issued: new Date(now).toISOString(),
      expires: new Date(now + 7 * 24 * 60 * 60 * 1000).toISOString(),
      ...change,
    }
    const shards = Array.from({ length: CATALOG_SHARDS }, (_, index) =>
      encodeShard([...offers.values()].filter(({ repo }) => shardOf(repo) === index)),
    )
    const { root: forged, ...facts } = frame as typeof frame & { root?: Cid }
    const root = encodeCatalogRoot({ ...facts, shards: shards.map(({ cid }) => cid) })
    await store.blocks.put([...shards, root])
    return sealHead({ ...facts, root: forged ?? root.cid }, signer)
  }

  const publish: Seed['publish'] = async (repo, files) => {
    const made = await commit(repo, files)
    const { refs = {}, revisions = {}, history } = offers.get(repoKey(repo)) ?? {}
    const commits = encodeHistory([
      { id: made.revision, title: 'newest', date: new Date().toISOString() },
      ...Object.values(refs).map(({ revision, since }) => ({ id: revision, title: 'older', date: since })),
    ])
    await store.blocks.put([commits])
    offer(repo, {
      refs: { ...refs, main: { revision: made.revision, manifest: made.manifest, since: new Date().toISOString() } },
      revisions: { ...revisions, [made.revision]: made.manifest },
      history: { ...history, main: commits.cid },
    })
    return { ...made, envelope: await seal() }
  }

  return { store, signer, publisher, commit, offer, publish, seal }
}
