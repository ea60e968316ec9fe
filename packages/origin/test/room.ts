import {
  type CatalogRepo,
  type Cid,
  type Entry,
  type FileEntry,
  type Manifest,
  type Meter,
  type Publisher,
  type RepoRef,
  createMeter,
  decodeManifestEntries,
  decodeShard,
  isFile,
  parseRepoSpec,
  repoKey,
  shardOf,
  silentLog,
  decodeCatalogRoot,
} from '@hubmesh/content'
import { type SampleHub, createMemoryStore } from '@hubmesh/testing'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Signer, acceptHead, acceptManifest, createPolicy, createSigner, loadIdentity } from '@hubmesh/trust'
import { expect } from 'vitest'
import { type OriginOptions, createOrigin } from '../src/index.ts'

type Store = ReturnType<typeof createMemoryStore>

/** An origin over a store in memory, whose swarm keeps what it is told. */
export interface Room extends Store {
  readonly origin: Publisher
  readonly meter: Meter
  readonly signer: Signer
  readonly announced: Uint8Array[]
  readonly provided: Set<Cid>
  /** Pulls it now; ends with the test. */
  sync(spec: string, signal?: AbortSignal): Promise<void>
  /** What the last sealed head that was announced offers of a repo, read as an office would. */
  offer(name: string): Promise<CatalogRepo | undefined>
  /** The revision that a ref is at, its manifest accepted as an office would. */
  revision(name: string, ref?: string): Promise<{ manifest: Manifest; entries: readonly Entry[] }>
  upstreamBytes(): number
  [Symbol.asyncDispose](): Promise<void>
}

export interface RoomOptions extends Partial<OriginOptions> {
  readonly store?: Store
  readonly signer?: Signer
}

const QUICK = { baseMs: 5, maxMs: 50 }

export const newSigner = async (): Promise<Signer> => {
  const folder = await mkdtemp(join(tmpdir(), 'hubmesh-origin-'))
  try {
    return createSigner(await loadIdentity(join(folder, 'identity.key')))
  } finally {
    await rm(folder, { recursive: true })
  }
}

export const createRoom = async (upstream: string, options: RoomOptions = {}): Promise<Room> => {
  const { store = createMemoryStore(), signer = await newSigner(), ...rest } = options
  const meter = createMeter()
  const announced: Uint8Array[] = []
  const provided = new Set<Cid>()
  const swarm = {
    announce: async (envelope: Uint8Array) => void announced.push(envelope),
    provide: (manifest: Cid) => void provided.add(manifest),
    withdraw: (manifest: Cid) => void provided.delete(manifest),
  }
  const origin = createOrigin(
    { ...store, swarm, signer, log: silentLog, meter },
    { upstream, backOff: QUICK, pollSeconds: 3600, ...rest },
  )
  const policy = createPolicy([{ publishers: [signer.publisher], threshold: 1, repos: ['**'] }])
  const { blocks, catalogs } = store

  const offer = async (name: string): Promise<CatalogRepo | undefined> => {
    const envelope = announced.at(-1)
    if (envelope === undefined) return undefined
    const { head } = await acceptHead(envelope, { policy })
    const root = decodeCatalogRoot(await bytesOf(head.root))
    const repo = refOf(name)
    const cid = root.shards[shardOf(repo)] as Cid
    return decodeShard(shardOf(repo), await bytesOf(cid)).find((one) => repoKey(one.repo) === repoKey(repo))
  }

  const bytesOf = async (cid: Cid): Promise<Uint8Array> => {
    const block = await blocks.get(cid)
    if (block === undefined) throw new Error(`no block ${cid}`)
    return block.bytes
  }

  const revision: Room['revision'] = async (name, ref = 'main') => {
    const offered = await offer(name)
    const at = offered?.refs[ref]
    if (offered === undefined || at === undefined) throw new Error(`${name} offers no ${ref}`)
    expect(offered.revisions[at.revision]).toBe(at.manifest)
    const root = await blocks.get(at.manifest)
    if (root === undefined) throw new Error('no manifest')
    const signatures = await catalogs.signatures(at.manifest)
    const manifest = await acceptManifest(root, signatures, { policy, repo: offered.repo, revision: at.revision })
    return { manifest, entries: decodeManifestEntries(await Promise.all(manifest.entries.map(bytesOf))) }
  }

  return {
    ...store,
    origin,
    meter,
    signer,
    announced,
    provided,
    sync: (spec, signal = new AbortController().signal) => origin.sync(parseRepoSpec(spec), { signal }),
    offer,
    revision,
    upstreamBytes: () => meter.read().upstreamBytes,
    [Symbol.asyncDispose]: () => origin.stop(),
  }
}

/** Holds every file that the room offers against the Hub's own, byte by byte, and the entries against its listing. */
export const expectExact = async (
  room: Room,
  hub: SampleHub,
  { name, ref = 'main', from = name }: { name: string; ref?: string; from?: string },
): Promise<void> => {
  const { manifest, entries } = await room.revision(name, ref)
  const source = hub.source(from, ref)
  expect(manifest.revision).toBe(hub.sha(from, ref))
  const files = entries.filter(isFile)
  expect(files.map(({ path }) => path)).toEqual([...source.keys()])
  for (const file of files) {
    const { size, oid, lfs, content } = source.get(file.path)!
    expect({ size: file.size, oid: file.oid, lfs: file.lfs }).toEqual({ size, oid, lfs })
    const bytes = Buffer.concat(await Array.fromAsync(content.read(0, size)))
    expect((await readBlob(room, file)).equals(bytes), file.path).toBe(true)
    if (file.list !== undefined) expect(await room.blocks.has(file.list)).toBe(true)
  }
}

export const readBlob = async (room: Store, file: FileEntry): Promise<Buffer> => {
  if (file.size === 0) return Buffer.alloc(0)
  const blob = await room.blobs.open(file.sha256)
  if (blob === undefined) throw new Error(`${file.path} is not held`)
  const buffer = Buffer.alloc(file.size)
  expect(await blob.readInto(0, buffer)).toBe(file.size)
  await blob.close()
  return buffer
}

export const refOf = (name: string): RepoRef => {
  const { type, id } = parseRepoSpec(name)
  return { type, id }
}
