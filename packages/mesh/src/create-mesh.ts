import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LevelDatastore } from 'datastore-level'
import {
  type BlockStore,
  type Caps,
  type CatalogStore,
  type ChunkCaps,
  type ChunkShelf,
  type ChunkSource,
  type Cid,
  type Log,
  type Meter,
  MeshError,
  type Swarm,
} from '@hubmesh/content'
import type { PrivateKey } from '@hubmesh/trust'
import { createAnnouncer } from './announce/announcer.ts'
import { createGossip } from './announce/gossip.ts'
import { createHeadRecords } from './announce/head-records.ts'
import { createProviderRecords } from './announce/provider-records.ts'
import { createProviders } from './announce/providers.ts'
import type { PeerLink } from './exchange/link.ts'
import { createLinks } from './exchange/links.ts'
import { EXCHANGE, FURTHER_CONNECTIONS, type Hello } from './exchange/messages.ts'
import { createRateCaps } from './exchange/rate-caps.ts'
import { createExchangeServer } from './exchange/server.ts'
import { createUnreadBound } from './exchange/unread.ts'
import { createUploadSlots } from './exchange/upload-slots.ts'
import { askForSignatures, fetchBlock } from './fetch/ask-peers.ts'
import { createChunkFetcher } from './fetch/chunk-fetcher.ts'
import { createRemoteSets } from './fetch/remote-sets.ts'
import {
  FAR,
  type FarRules,
  MAX_SITE_LENGTH,
  MAX_STREAMS_PER_PEER,
  SECOND,
  TARGET_PEERS,
  UPLOAD_GRACE,
} from './limits.ts'
import { listenError, parseAddress, usableAddresses } from './node/addresses.ts'
import { createNode } from './node/create-node.ts'
import { createGate } from './node/gate.ts'
import { createHeardBytes } from './node/heard-bytes.ts'
import { createHeartbeat } from './node/heartbeat.ts'
import { createNeighbours } from './node/neighbours.ts'
import { createRelays } from './node/relays.ts'
import { unlessAborted, wait } from './node/wait.ts'
import { type Peer, createPeers } from './peers.ts'
import { createScheduler } from './schedule/index.ts'

export interface MeshComponents {
  readonly privateKey: PrivateKey
  readonly blocks: BlockStore
  readonly shelf: ChunkShelf
  readonly catalogs: CatalogStore
  readonly log: Log
  readonly meter: Meter
}

export type MeshCaps = Pick<Caps, 'upload' | 'download' | 'relayed'>

export interface MeshOptions {
  /** 32 bytes each. Dialling tries the first first; all are accepted, so that a key can be changed without a break. */
  readonly networkKeys: readonly Uint8Array[]
  /** Multiaddrs, as `/ip4/0.0.0.0/tcp/8643`. */
  readonly listen: readonly string[]
  /** Told to others beside those that are listened on. */
  readonly announce: readonly string[]
  /** Multiaddrs of nodes that are kept connected. */
  readonly bootstrap: readonly string[]
  readonly site: string
  readonly role: 'seed' | 'peer'
  /** Looks for nodes of the same network on the local network. */
  readonly mdns: boolean
  /** Passes on what nodes that cannot reach each other send. @default a seed does */
  readonly relay?: boolean
  /** Folder for addresses, records and what else is to survive a restart. */
  readonly dataDir: string
  /** Peer ids of publishers whose heads are looked up in the DHT, beside those whose heads are held. @default none */
  readonly publishers?: readonly string[]
  readonly limits?: {
    /** Connections up to which discovered nodes are dialled. @default 32 */
    readonly targetPeers?: number
    /** Connections at a time, in and out. @default 1 000 */
    readonly connections?: number
    /** Streams that chunks are sent on at a time. @default 48 */
    readonly uploads?: number
    /** Rates that hold at a time. @default nothing is capped */
    readonly caps?: (now: Date) => MeshCaps
    /** When further connections to a far peer are tried and closed. @default `FAR` in limits.ts */
    readonly far?: Partial<FarRules>
  }
}

const PROTOCOL_OPTIONS = {
  maxInboundStreams: MAX_STREAMS_PER_PEER,
  maxOutboundStreams: MAX_STREAMS_PER_PEER,
  runOnLimitedConnection: true,
}
/** What the goodbye may take to reach the nearest. */
const GOODBYE_TIME = 100
/** Closing libp2p takes milliseconds; a socket that hangs does not hold up the rest. */
const NODE_STOP_TIME = 2 * SECOND

/**
 * The other nodes: a libp2p node of one private network, and the exchange of chunks, blocks and announcements on it.
 * Nothing is opened to others before `start`.
 * @throws MeshError `config` for a bad address or network key, `busy` when another process has the data folder, `io`
 */
export const createMesh = async (components: MeshComponents, options: MeshOptions): Promise<Swarm & ChunkSource> => {
  const { privateKey, blocks, shelf, catalogs, log, meter } = components
  const { site, role } = options
  const capsAt = options.limits?.caps ?? ((): MeshCaps => ({ upload: {}, download: {} }))
  for (const address of [...options.listen, ...options.announce]) parseAddress(address, 'config')
  const bootstrap = options.bootstrap.map((address) => parseAddress(address, 'config'))
  requireKeys(options.networkKeys)
  if (site.length > MAX_SITE_LENGTH) throw new MeshError('config', `a site's name is at most ${MAX_SITE_LENGTH} long`)

  const datastore = await openDatastore(join(options.dataDir, 'libp2p'))
  const stopping = new AbortController()
  const headListeners = new Set<(envelope: Uint8Array, from: string) => void>()
  const peerListeners = new Set<(peerId: string, connected: boolean) => void>()
  const hello: Hello = { site, role, features: [FURTHER_CONNECTIONS] }

  const gate = createGate({ log })
  const peers = createPeers({ gate })
  const heard = createHeardBytes()
  const unread = createUnreadBound({ log })
  const publishers = new Set(options.publishers)
  const isWanted = (publisher: string): boolean =>
    publishers.has(publisher) || catalogs.heads().some(({ head }) => head.publisher === publisher)
  const records = createHeadRecords({ datastore, log, isWanted }, { signal: stopping.signal })
  const relay = {
    cap: () => capsAt(new Date()).relayed,
    onRelayed: (bytes: number) => meter.add('relayedBytes', bytes),
  }
  const node = await createNode({
    ...options,
    relay: (options.relay ?? role === 'seed') ? relay : undefined,
    privateKey,
    datastore,
    log,
    gater: gate.gater,
    onBytes: (peerId, count, connection) => {
      peers.heard(peerId, count)
      heard.add(connection, count)
    },
    records: records.hooks,
    maxConnections: options.limits?.connections,
  })
  gate.attach(node)
  const providers = createProviders({ gate, log, node })
  const provided = createProviderRecords({ datastore, log, node })
  const server = createExchangeServer(
    {
      blocks,
      shelf,
      catalogs,
      unread,
      slots: createUploadSlots({ slots: options.limits?.uploads }),
      caps: createRateCaps((now) => capsAt(now).upload),
      log,
      onUpload: (peerId, bytes) => void (peers.get(peerId).bytesOut += bytes),
      onOpen: (peerId, set) => sets.opened(peerId, set),
      onBreach: gate.breach,
    },
    hello,
  )
  /** One listener's failure is not the peer's, nor the other listeners'. */
  const tellAll = <Args extends unknown[]>(listeners: Iterable<(...args: Args) => void>, ...args: Args): void => {
    for (const listener of listeners) {
      try {
        listener(...args)
      } catch (error) {
        log.error({ err: error }, 'a listener failed')
      }
    }
  }
  const onHead = (envelope: Uint8Array, from: string): void => {
    tellAll(headListeners, envelope, from)
  }
  const onGoodbye = (peerId: string): void => {
    log.info({ peerId }, 'a peer says goodbye')
    providers.onGone(peerId)
  }
  const gossip = createGossip({ pubsub: node.services.pubsub, log, onHead, onGoodbye })
  const announcer = createAnnouncer(
    { catalogs, gossip, records, server, log, node, onHead },
    { publishers: [...publishers] },
  )
  const scheduler = createScheduler({ self: node.peerId.toString() })
  const onChange = (): void => {
    scheduler.touch()
    fetcher.wake()
  }
  const sets = createRemoteSets({ holdings: scheduler.holdings, onChange })
  const caps = (): ChunkCaps => capsAt(new Date()).download
  const fetcher = createChunkFetcher({ peers, gate, scheduler, sets, meter, log, caps, seek: providers.seek })
  const onLink = (peer: Peer, link: PeerLink | undefined): void => {
    log.info({ peerId: peer.peerId, site: peer.site, connected: link !== undefined }, 'a peer')
    if (link === undefined) {
      sets.detach(peer.peerId)
      scheduler.unlink(peer.path)
    } else {
      Object.assign(peer.path, {
        site: peer.site,
        sameSite: peer.site === site,
        rttMs: link.rttMs(),
        streams: link.chunkStreams(),
        relayed: link.relayed,
      })
      scheduler.link(peer.path)
      sets.attach(link, peer.path)
      providers.onBack(peer.peerId)
      provided.retrySoon()
      announcer.onPeer()
    }
    fetcher.wake()
    tellAll(peerListeners, peer.peerId, link !== undefined)
  }
  const links = createLinks(
    { node, peers, gate, unread, heard, log, onHead, onLate: fetcher.late, onLink },
    { hello, far: { ...FAR, ...options.limits?.far } },
  )
  const findMore = async (manifest: Cid, signal: AbortSignal): Promise<boolean> => {
    const dialled = await providers.seekNow(manifest, signal)
    await unlessAborted(Promise.all(dialled.map(links.settled)), signal)
    return dialled.length > 0
  }
  const linkProblem = (peerId: string): string | undefined => {
    const { link, problem = 'it has not answered yet' } = peers.get(peerId)
    return link === undefined ? `connected, but cannot be asked: ${problem}` : undefined
  }
  const neighbours = createNeighbours(
    { node, gate, log, linkProblem },
    { bootstrap, targetPeers: options.limits?.targetPeers ?? TARGET_PEERS },
  )
  const heartbeat = createHeartbeat({ node, log, heardAt: peers.heardAt })
  const relays = createRelays({ node, log })

  const start = async (): Promise<void> => {
    await records.load()
    await provided.forgetOwn()
    await node.handle(EXCHANGE, server.handle, PROTOCOL_OPTIONS)
    links.start()
    relays.start()
    try {
      await node.start()
    } catch (cause) {
      await stop()
      throw listenError(cause, options.listen)
    }
    gossip.start()
    announcer.start()
    neighbours.start()
    heartbeat.start()
  }

  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => (stopped ??= stopAll())

  const stopAll = async (): Promise<void> => {
    await sayGoodbye()
    await node.unhandle(EXCHANGE)
    await Promise.all([server.stop(UPLOAD_GRACE), stopAsking()])
    await Promise.race([node.stop(), wait(NODE_STOP_TIME, new AbortController().signal)])
    unread.stop()
    await datastore.close()
  }

  const sayGoodbye = async (): Promise<void> => {
    if (node.status !== 'started' || node.getConnections().length === 0) return
    await gossip.goodbye().catch((error: unknown) => log.debug({ err: error }, 'nobody heard the goodbye'))
    await wait(GOODBYE_TIME, new AbortController().signal)
  }

  const stopAsking = async (): Promise<void> => {
    stopping.abort()
    links.stop()
    heartbeat.stop()
    relays.stop()
    fetcher.stop()
    providers.stop()
    sets.stop()
    await Promise.all([neighbours.stop(), announcer.stop(), provided.stop()])
  }

  return {
    peerId: node.peerId.toString(),
    start,
    stop,
    addresses: () => usableAddresses(node.getMultiaddrs().map(String)),
    peers: peers.statuses,
    farthest: () => farthestOf(peers.linked()),
    announce: announcer.announce,
    onHead: (listener) => subscribe(headListeners, listener),
    onPeer: (listener) => subscribe(peerListeners, listener),
    provide: provided.provide,
    withdraw: provided.withdraw,
    fetchBlock: (cid, how) => fetchBlock({ peers, gate, log, findMore }, cid, how),
    fetchSignatures: (manifest, { signal }) => askForSignatures({ peers, gate, log, findMore }, manifest, signal),
    unreached: () => neighbours.unreached(),
    dial: async (address, signal) => neighbours.dial(parseAddress(address, 'usage'), signal),
    prepare: (set) => fetcher.prepare(set),
    fetch: (want, how) => fetcher.fetch(want, how),
    raise: (want, priority) => fetcher.raise(want, priority),
    outlook: (want) => fetcher.outlook(want),
  }
}

const farthestOf = (linked: readonly Peer[]): 'site' | 'peer' | 'seed' | undefined => {
  const outside = linked.filter(({ path }) => !path.sameSite)
  if (outside.length === 0) return linked.length === 0 ? undefined : 'site'
  return outside.some(({ role }) => role === 'seed') ? 'seed' : 'peer'
}

const requireKeys = (keys: readonly Uint8Array[]): void => {
  if (keys.length === 0 || keys.some(({ length }) => length !== 32))
    throw new MeshError('config', 'a network key of 32 bytes is needed', { hint: 'join with a ticket' })
}

const openDatastore = async (path: string): Promise<LevelDatastore> => {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    const datastore = new LevelDatastore(path)
    await datastore.db.open() // the datastore's own `open` does not tell why it failed
    return datastore
  } catch (cause) {
    if (isLocked(cause))
      throw new MeshError('busy', `another process uses ${path}`, { hint: 'stop the node that runs there', cause })
    throw new MeshError('io', `the folder ${path} cannot be used`, {
      hint: 'check that it can be written to, and that the disk is not full',
      cause,
    })
  }
}

/** Level wraps the reason several times over. */
const isLocked = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false
  return ('code' in error && error.code === 'LEVEL_LOCKED') || isLocked(error.cause)
}

const subscribe = <Listener>(listeners: Set<Listener>, listener: Listener): (() => void) => {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}
