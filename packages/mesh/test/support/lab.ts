import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import {
  type ChunkSource,
  type ChunkWant,
  type Counters,
  type Meter,
  type Swarm,
  createMeter,
  encodeBlock,
  silentLog,
} from '@hubmesh/content'
import { type SampleBlob, createMemoryStore } from '@hubmesh/testing'
import { type MeshOptions, createMesh } from '../../src/index.ts'

export type Store = ReturnType<typeof createMemoryStore>
export type Mesh = Swarm & ChunkSource

export interface LabNode {
  readonly mesh: Mesh
  readonly store: Store
  readonly meter: Meter
  readonly dataDir: string
  readonly address: string
}

export interface LabNodeOptions extends Partial<MeshOptions> {
  readonly privateKey?: Ed25519PrivateKey
  /** Changes the parts of the store before the mesh gets them: how a faulty giver is made of a real one. */
  readonly change?: (store: Store) => Partial<Store>
}

/** Real nodes on loopback, with stores in memory and data folders on disk; all are gone after `close`. */
export interface Lab {
  node(options?: LabNodeOptions): Promise<LabNode>
  folder(): Promise<string>
  /** Runs after everything, last first. */
  defer(end: () => Promise<unknown>): void
  close(): Promise<void>
}

export const networkKey = (name: string): Uint8Array => createHash('sha256').update(name).digest()

export const createLab = (): Lab => {
  const ends: (() => Promise<unknown>)[] = []
  const defer = (end: () => Promise<unknown>): void => void ends.push(end)

  const folder = async (): Promise<string> => {
    const path = await mkdtemp(join(tmpdir(), 'hubmesh-mesh-'))
    defer(() => rm(path, { recursive: true, force: true }))
    return path
  }

  const node = async ({ privateKey, change, ...options }: LabNodeOptions = {}): Promise<LabNode> => {
    const meter = createMeter()
    const store = createMemoryStore({ meter })
    const dataDir = options.dataDir ?? (await folder())
    const key = privateKey ?? (await generateKeyPair('Ed25519'))
    const mesh = await createMesh(
      { privateKey: key, log: silentLog, meter, ...store, ...change?.(store) },
      {
        networkKeys: [networkKey('ours')],
        listen: ['/ip4/127.0.0.1/tcp/0'],
        announce: [],
        bootstrap: [],
        site: 'here',
        role: 'peer',
        mdns: false,
        dataDir,
        ...options,
      },
    )
    defer(() => mesh.stop())
    await mesh.start()
    const [address = ''] = mesh.addresses()
    return { mesh, store, meter, dataDir, address }
  }

  const close = async (): Promise<void> => {
    for (const end of ends.splice(0).toReversed()) await end()
  }
  return { node, folder, defer, close }
}

/** Gives a node the whole blob. */
export const seedBlob = async ({ store }: LabNode, sample: SampleBlob): Promise<void> => {
  const ingest = await store.blobs.ingest({
    key: sample.sha256,
    size: sample.size,
    expect: { sha256: sample.sha256 },
  })
  await ingest.write(0, sample.bytes)
  await ingest.finish(soon())
  await ingest.close()
}

/** No manifest is needed for chunks to be given: only its name, to look for providers. */
export const manifestOf = (sample: SampleBlob): ChunkWant['manifest'] => encodeBlock({ v: 1, about: sample.sha256 }).cid

export const wantsOf = (sample: SampleBlob): ChunkWant[] =>
  sample.chunks.map(({ sha256, length }, index) => ({
    manifest: manifestOf(sample),
    set: sample.list,
    index,
    sha256,
    length,
  }))

export interface FetchedBlob {
  readonly bytes: Buffer
  readonly from: ReadonlyMap<string, number>
}

/** Fetches all chunks, some at a time as a reader does, and puts them together. */
export const fetchBlob = async (
  source: ChunkSource,
  sample: SampleBlob,
  { signal = soon(), parallel = 32, onChunk = async () => {} }: FetchOptions = {},
): Promise<FetchedBlob> => {
  const wants = wantsOf(sample)
  const chunks: Buffer[] = Array.from({ length: wants.length })
  const from = new Map<string, number>()
  const queue = wants.values()
  const work = async (): Promise<void> => {
    for (const want of queue) {
      const got = await source.fetch(want, { priority: 'reader', signal })
      from.set(got.from, (from.get(got.from) ?? 0) + got.bytes.length)
      chunks[want.index] = Buffer.concat(got.bytes.parts)
      got.release()
      await onChunk(want, from)
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
  return { bytes: Buffer.concat(chunks), from }
}

interface FetchOptions {
  readonly signal?: AbortSignal
  readonly parallel?: number
  readonly onChunk?: (want: ChunkWant, from: ReadonlyMap<string, number>) => Promise<void>
}

/** Deadlines of tests are far off: they end what hangs, also on a machine with much else to do. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

export const soon = (seconds = 45): AbortSignal => AbortSignal.timeout(seconds * 1000)

/** Waits until the condition holds. */
export const until = async (what: string, holds: () => boolean | Promise<boolean>, seconds = 40): Promise<void> => {
  const end = performance.now() + seconds * 1000
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export const isConnected = (node: LabNode, to: LabNode): boolean =>
  node.mesh.peers().some(({ peerId, connected }) => peerId === to.mesh.peerId && connected)

/** Connects two nodes, so that each can ask the other. */
export const connect = async (a: LabNode, b: LabNode): Promise<void> => {
  await a.mesh.dial(b.address, soon())
  await until('linked', () => isConnected(a, b) && isConnected(b, a))
}

export const countersOf = ({ meter }: LabNode): Counters => meter.read()
