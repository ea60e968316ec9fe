import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import type { ConnectionGater, Libp2p, PeerDiscovery, PrivateKey } from '@libp2p/interface'
import { type KadDHT, type KadDHTInit, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { mdns } from '@libp2p/mdns'
import { ping } from '@libp2p/ping'
import { yamux } from '@libp2p/yamux'
import type { LevelDatastore } from 'datastore-level'
import { createLibp2p } from 'libp2p'
import { type Log, MIB } from '@hubmesh/content'
import {
  CONNECTIONS_PER_SECOND,
  DIAL_TIMEOUT,
  HOUR,
  MAX_CONNECTIONS,
  MAX_GOSSIP_BYTES,
  MAX_PENDING_CONNECTIONS,
  PROVIDER_INTERVAL,
  PROVIDER_THRESHOLD,
  PROVIDER_VALIDITY,
  SECOND,
  STREAM_WINDOW,
} from '../limits.ts'
import { fastTcp } from './fast-tcp.ts'
import { type OnBytes, keyId, meshNoise } from './fast-noise.ts'
import { libp2pLogger } from './libp2p-log.ts'
import { publicAddresses } from './public-addresses.ts'
import { type RelayListener, relayListener } from './relay-listener.ts'
import { type RelayServerOptions, relayServer } from './relay-server.ts'

/** The DHT under a name of our own: strangers' tables and ours never mix. */
const KAD_PROTOCOL = '/hubmesh/kad/1.0.0'

/** Gossip of catalog heads and goodbyes; of no other topic anything is kept. */
export const NEWS_TOPIC = '/hubmesh/catalogs/1'

export type MeshServices = { dht: KadDHT; pubsub: GossipSub; relayListener: RelayListener }
export type MeshNode = Libp2p<MeshServices>

export interface NodeOptions {
  readonly privateKey: PrivateKey
  /** The first is tried first when dialling; all are accepted. */
  readonly networkKeys: readonly Uint8Array[]
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly mdns: boolean
  /** Passes on what others that cannot reach each other send; undefined: it does not. */
  readonly relay: RelayServerOptions | undefined
  readonly datastore: LevelDatastore
  readonly gater: ConnectionGater
  readonly onBytes?: OnBytes
  readonly records: Pick<KadDHTInit, 'validators' | 'selectors'>
  /** @default 1 000 */
  readonly maxConnections?: number | undefined
  readonly log: Log
}

/** A libp2p node for one mesh, not yet started. */
export const createNode = async (options: NodeOptions): Promise<MeshNode> =>
  createLibp2p({
    start: false,
    privateKey: options.privateKey,
    datastore: options.datastore,
    logger: libp2pLogger(options.log.room('libp2p')),
    addresses: { listen: [...options.listen], appendAnnounce: [...options.announce] },
    transports: [fastTcp(), circuitRelayTransport()],
    connectionEncrypters: options.networkKeys.map((key) => meshNoise(key, options.onBytes)),
    streamMuxers: [
      yamux({
        enableKeepAlive: false, // heartbeat.ts does it
        // A paused reader may be sent a whole window: one that is shorter would kill the stream.
        streamOptions: { maxStreamWindowSize: STREAM_WINDOW, maxReadBufferLength: STREAM_WINDOW + 2 * MIB },
      }),
    ],
    connectionGater: options.gater,
    // The defaults let in 5 a second from one address, and 10 silent sockets keep everyone else out. Above the bound newcomers
    // are refused, and libp2p closes connections without streams: those of members have the exchange's, and stay.
    connectionManager: {
      maxConnections: options.maxConnections ?? MAX_CONNECTIONS,
      inboundConnectionThreshold: CONNECTIONS_PER_SECOND,
      maxIncomingPendingConnections: MAX_PENDING_CONNECTIONS,
      inboundUpgradeTimeout: DIAL_TIMEOUT,
    },
    connectionMonitor: { enabled: false }, // heartbeat.ts has more patience
    // Shorter ages lose the addresses of providers that are alive.
    peerStore: { maxAddressAge: 72 * HOUR, maxPeerAge: 14 * 24 * HOUR },
    peerDiscovery: options.mdns ? [siteDiscovery(options.networkKeys)] : [],
    services: {
      identify: identify({ protocolPrefix: 'hubmesh' }),
      ping: ping(),
      publicAddresses,
      relayListener,
      ...(options.relay === undefined ? {} : { relay: relayServer(options.relay) }),
      pubsub: gossipsub({
        allowPublishToZeroTopicPeers: true,
        emitSelf: false,
        allowedTopics: [NEWS_TOPIC],
        maxInboundDataLength: MAX_GOSSIP_BYTES,
      }),
      dht: kadDHT({
        protocol: KAD_PROTOCOL,
        clientMode: false, // or a node without a public address would stay a client for ever
        peerInfoMapper: passthroughMapper, // the default drops private addresses
        kBucketSize: 8,
        alpha: 3,
        disjointPaths: 2,
        allowQueryWithZeroPeers: true, // or a query of a lonely node hangs
        initialQuerySelfInterval: 100,
        reprovide: {
          validity: PROVIDER_VALIDITY,
          threshold: PROVIDER_THRESHOLD,
          interval: PROVIDER_INTERVAL,
          concurrency: 1,
        },
        ...options.records,
      }),
    },
  })

/** mDNS among the members of one network: the tag names the key. */
const siteDiscovery = ([key]: readonly Uint8Array[]): ((
  components: Parameters<ReturnType<typeof mdns>>[0],
) => PeerDiscovery) =>
  mdns({ interval: 20 * SECOND, serviceTag: `_hubmesh-${key === undefined ? '' : keyId(key)}._udp.local` })
