/**
 * Somebody who holds a seed's signing key: catalogs and manifests that are signed as they should be, and hostile. Each is offered
 * to an office by a mesh node in the test's own process.
 */
import {
  type Block,
  type BlockStore,
  type CatalogHead,
  type CatalogRepo,
  type Cid,
  type FileEntry,
  type GitOid,
  type HeldHead,
  type Manifest,
  type RepoRef,
  type Signature,
  asGitOid,
  decodeCatalogRoot,
  decodeManifest,
  decodeManifestEntries,
  decodeShard,
  encodeCatalogRoot,
  encodeManifest,
  encodeShard,
  gitBlobOid,
  nameBytes,
  repoKey,
  shardOf,
} from '@hubmesh/content'
import { type Signer, acceptHead, createPolicy, sealHead } from '@hubmesh/trust'
import { type Lab, type LabNode, soon, until } from '../../packages/mesh/test/support/lab.ts'

/** Says what the catalog offers of the repo from now on. */
export type Offer = (held: CatalogRepo) => CatalogRepo

export interface Forger {
  readonly peerId: string
  /** What the office holds of the publisher's. */
  readonly held: HeldHead
  /** A catalog that differs from the one held in this repo's offer; newer, unless the head is changed too. */
  catalog(offer: Offer, options?: { signer?: Signer; head?: Partial<CatalogHead> }): Promise<ForgedCatalog>
  /** A manifest like that of the true revision, whose every file is what the forger wants it to be. */
  manifest(change?: Partial<Pick<Manifest, 'repo' | 'revision'>>): Promise<Block>
  /** Gives it out with the manifest, whoever made it. */
  addSignature(manifest: Block, signature: Signature): Promise<void>
  announce(envelope: Uint8Array): Promise<void>
}

export interface ForgedCatalog {
  readonly envelope: Uint8Array
  /** The block that holds the repo's offer. */
  readonly shard: Cid
}

export interface ForgerOptions {
  readonly lab: Lab
  readonly networkKey: Uint8Array
  /** Address of the office. */
  readonly office: string
  readonly signer: Signer
  readonly repo: RepoRef
  /** One that the repo truly has. */
  readonly revision: string
  /** What blocks it hands out instead of what they are. */
  readonly spoil?: (block: Block) => Block
}

/** What a file of a forged manifest holds. */
export const FORGED = Buffer.from('forged, but well made\n')

const WEEK_MS = 7 * 24 * 60 * 60_000
let lastSequence = 0

/** A forger who is connected to the office, and has heard what it holds. */
export const createForger = async (options: ForgerOptions): Promise<Forger> => {
  const { lab, networkKey, office, signer, repo, revision, spoil } = options
  const node = await lab.node({
    networkKeys: [networkKey],
    ...(spoil === undefined ? {} : { change: ({ blocks }) => ({ blocks: spoiled(blocks, spoil) }) }),
  })
  const { mesh, store } = node
  const held = await hearHead(node, { office, publisher: signer.publisher })
  const fetched = async (cid: Cid): Promise<Uint8Array> => (await mesh.fetchBlock(cid, { signal: soon() })).bytes
  const { shards } = decodeCatalogRoot(await fetched(held.head.root))

  const offered = async (): Promise<{ index: number; all: readonly CatalogRepo[]; mine: CatalogRepo }> => {
    const index = shardOf(repo)
    const cid = shards[index]
    if (cid === undefined) throw new Error('no such shard')
    const all = decodeShard(index, await fetched(cid))
    const mine = all.find((one) => repoKey(one.repo) === repoKey(repo))
    if (mine === undefined) throw new Error(`${repoKey(repo)} is not offered`)
    return { index, all, mine }
  }

  const catalog: Forger['catalog'] = async (offer, { signer: by = signer, head = {} } = {}) => {
    const { index, all, mine } = await offered()
    const shard = encodeShard([...all.filter((one) => one !== mine), offer(mine)])
    const { root: otherRoot, ...fields } = { ...newFields(by.publisher, held), ...head }
    const root = encodeCatalogRoot({ ...fields, shards: shards.with(index, shard.cid) })
    await store.blocks.put([shard, root])
    return { envelope: await sealHead({ ...fields, root: otherRoot ?? root.cid }, by), shard: shard.cid }
  }

  const manifest: Forger['manifest'] = async (change = {}) => {
    const { mine } = await offered()
    const cid = mine.revisions[revision]
    if (cid === undefined) throw new Error(`${revision} is not offered`)
    const { v: _, entries: pageCids, ...draft } = decodeManifest(await fetched(cid))
    const entries = decodeManifestEntries(await Promise.all(pageCids.map(fetched)))
    const forged = encodeManifest({ ...draft, ...change, entries: entries.map(({ path }) => forgedFile(path)) })
    await store.blobs.putBlob(nameBytes(FORGED))
    await store.blocks.put([...forged.pages, forged.root])
    return forged.root
  }

  return {
    peerId: mesh.peerId,
    held,
    catalog,
    manifest,
    addSignature: ({ cid }, signature) => store.catalogs.addSignatures(cid, [signature]),
    announce: (envelope) => mesh.announce(envelope),
  }
}

/** Moves `main` to a revision and its manifest. */
export const moveMain =
  (revision: GitOid, manifest: Cid): Offer =>
  (held) => ({
    ...held,
    refs: { ...held.refs, main: { revision, manifest, since: new Date().toISOString() } },
    revisions: { ...held.revisions, [revision]: manifest },
  })

/** A revision that no repo has, another for each letter. */
export const revisionOf = (letter: string): GitOid => asGitOid(letter.repeat(40))

const forgedFile = (path: string): FileEntry => ({
  path,
  size: FORGED.length,
  oid: gitBlobOid(FORGED),
  sha256: nameBytes(FORGED).sha256,
})

const hearHead = async (
  { mesh }: LabNode,
  { office, publisher }: { office: string; publisher: string },
): Promise<HeldHead> => {
  const policy = createPolicy([{ publishers: [publisher], threshold: 1, repos: ['**'] }])
  const heard: HeldHead[] = []
  mesh.onHead((envelope) => {
    acceptHead(envelope, { policy }).then(
      (held) => heard.push(held),
      () => {}, // a forgery, of another test or another publisher
    )
  })
  await mesh.dial(office, soon())
  await until('the office tells what it holds', () => heard.length > 0)
  const newest = heard.toSorted((a, b) => b.head.sequence - a.head.sequence)[0]
  if (newest === undefined) throw new Error('no head was heard')
  return newest
}

/** Of a head above all that were made before. */
const newFields = (publisher: string, { head }: HeldHead): Omit<CatalogHead, 'root'> & { root?: Cid } => {
  const now = Date.now()
  lastSequence = Math.max(now, head.sequence + 1, lastSequence + 1)
  return {
    v: 1,
    publisher,
    audience: head.audience,
    sequence: lastSequence,
    issued: new Date(now).toISOString(),
    expires: new Date(now + WEEK_MS).toISOString(),
  }
}

const spoiled = (blocks: BlockStore, spoil: (block: Block) => Block): BlockStore => ({
  ...blocks,
  get: async (cid) => {
    const block = await blocks.get(cid)
    return block && spoil(block)
  },
})
