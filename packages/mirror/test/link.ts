import {
  type Cid,
  type ChunkSource,
  type ChunkWant,
  MAX_CHUNK_BYTES,
  MeshError,
  type Priority,
  type Swarm,
  verify,
} from '@hubmesh/content'
import type { StoreParts } from '@hubmesh/testing'

interface Fetch extends ChunkWant {
  readonly priority: Priority
  /** As told with it; goes on telling. */
  readonly dueMs?: (() => number) | undefined
}

/** An office's way to seeds, scripted: serves from their stores through the shelf, as a peer would. */
export interface Link extends Swarm, ChunkSource {
  /** Chunks that were asked for, in order; those given up are counted apart. */
  readonly fetches: Fetch[]
  /** Of those, what was wanted sooner later on. */
  readonly raised: Fetch[]
  readonly provided: Cid[]
  readonly blocksAsked: Cid[]
  abandoned: number
  /** Chunks that were handed over, and of which it was not yet said that they are stored or dropped. */
  unreleased: number
  /** What `outlook` says. */
  expected: number | undefined
  connect(store: StoreParts): void
  disconnect(): void
  /** Chunks wait for this before they are served. */
  hold: (want: ChunkWant) => Promise<void>
  tell(envelope: Uint8Array, from?: string): void
  /** How many chunks are asked for at this moment. */
  waiting(): number
}

export const createLink = (): Link => {
  const heads = new Set<(envelope: Uint8Array, from: string) => void>()
  const peers = new Set<(peerId: string, connected: boolean) => void>()
  const stores: StoreParts[] = []
  let waiting = 0
  let connected = Promise.withResolvers<void>()

  const serve = async (want: ChunkWant, signal: AbortSignal) => {
    for (;;) {
      for (const { shelf } of stores) {
        const bytes = await shelf.read(want.set, want.index, new Uint8Array(MAX_CHUNK_BYTES))
        if (bytes === undefined) continue
        link.unreleased += 1
        const release = (): void => void (link.unreleased -= 1)
        return { bytes: verify([bytes], want.sha256), from: 'seed', sameSite: false, release }
      }
      await untilEither(connected.promise, signal)
    }
  }

  const link: Link = {
    peerId: 'office',
    fetches: [],
    raised: [],
    provided: [],
    blocksAsked: [],
    abandoned: 0,
    unreleased: 0,
    expected: undefined,
    hold: async () => {},
    start: async () => {},
    stop: async () => {},
    addresses: () => [],
    peers: () => [],
    unreached: () => [],
    farthest: () => (stores.length === 0 ? undefined : 'seed'),
    announce: async () => {},
    dial: async () => {},
    provide: (manifest) => void link.provided.push(manifest),
    withdraw: () => {},
    onHead: (listener) => added(heads, listener),
    onPeer: (listener) => added(peers, listener),
    fetchBlock: async (cid) => {
      link.blocksAsked.push(cid)
      for (const { blocks } of stores) {
        const block = await blocks.get(cid)
        if (block !== undefined) return block
      }
      throw new MeshError('not-ready', 'nobody has the block')
    },
    fetchSignatures: async (manifest) => {
      const found = await Promise.all(stores.map(({ catalogs }) => catalogs.signatures(manifest)))
      return found.flat()
    },
    prepare: () => {},
    fetch: async (want, { priority, dueMs, signal }) => {
      signal.throwIfAborted()
      link.fetches.push({ ...want, priority, dueMs })
      waiting += 1
      try {
        await untilEither(link.hold(want), signal)
        return await serve(want, signal)
      } catch (error) {
        link.abandoned += 1
        throw error
      } finally {
        waiting -= 1
      }
    },
    raise: (want, priority) => void link.raised.push({ ...want, priority }),
    outlook: () => link.expected,
    waiting: () => waiting,
    connect: (store) => {
      stores.push(store)
      connected.resolve()
      connected = Promise.withResolvers()
      for (const listener of peers) listener('seed', true)
    },
    disconnect: () => {
      stores.length = 0
    },
    tell: (envelope, from = 'seed') => {
      for (const listener of heads) listener(envelope, from)
    },
  }
  return link
}

const added = <T>(listeners: Set<T>, listener: T): (() => void) => {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

const untilEither = async (promise: Promise<void>, signal: AbortSignal): Promise<void> => {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const leave = (): void => reject(signal.reason)
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave)
  try {
    await Promise.race([aborted, promise])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}
