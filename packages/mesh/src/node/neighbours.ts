import type { Connection, PeerId, PeerInfo } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { type Log, MeshError, type Unreached } from '@hubmesh/content'
import { DIAL_TIMEOUT, SECOND } from '../limits.ts'
import type { MeshNode } from './create-node.ts'
import { type Way, dialPeer } from './dial-peer.ts'
import type { Gate } from './gate.ts'
import { wait } from './wait.ts'
import { CLOSED_AT_ONCE, whyUnreached } from './why-unreached.ts'

/** Sees to it that this node is connected: to its bootstrap addresses always, to who is discovered up to a number. */
export interface Neighbours {
  start(): void
  /** Dials an address now, and again whenever it is not connected. @throws MeshError `unreachable` */
  dial(address: Multiaddr, signal: AbortSignal): Promise<void>
  /** The addresses that are to be connected and are not, each with the likely reason. */
  unreached(): Unreached[]
  stop(): Promise<void>
}

export interface NeighboursComponents {
  readonly node: MeshNode
  readonly gate: Gate
  readonly log: Log
  /** Why a peer that is connected cannot be asked; undefined when it can. */
  readonly linkProblem: (peerId: string) => string | undefined
}

export interface NeighboursOptions {
  readonly bootstrap: readonly Multiaddr[]
  /** Connections up to which discovered peers are dialled. */
  readonly targetPeers: number
  /** Shortest and longest time between two rounds of dialling, in ms. @default 5 to 30 seconds */
  readonly pause?: readonly [number, number]
}

const PAUSE = [5 * SECOND, 30 * SECOND] as const
/** Known peers that are tried in a round when nobody is connected. */
const KNOWN_PEERS_TRIED = 8
/** Two that discover each other would both dial: the one with the greater id waits. */
const YIELD = SECOND
/** Who refuses this node lets it connect, and then hangs up. */
const HANG_UP_WITHIN = 300

/**
 * libp2p's own bootstrap dials once: a seed that is down then is never tried again.
 * @param components.node started
 */
export const createNeighbours = (
  { node, gate, log, linkProblem }: NeighboursComponents,
  { bootstrap, targetPeers, pause = PAUSE }: NeighboursOptions,
): Neighbours => {
  const addresses = new Map(bootstrap.map((address) => [address.toString(), address]))
  /** Whom an address without a peer id led to. */
  const peerAt = new Map<string, string>()
  /** Why the last dial of an address failed. */
  const failures = new Map<string, string>()
  const stopping = new AbortController()
  let looping = Promise.resolve()

  const dialAddress = async (address: Multiaddr, signal: AbortSignal): Promise<Connection> => {
    const connection = await node.dial(address, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT)]),
    })
    peerAt.set(address.toString(), connection.remotePeer.toString())
    failures.set(address.toString(), 'the connection to it was lost')
    return connection
  }

  const isConnected = (address: string): boolean => {
    const peerId = peerIdAt(address)
    return peerId !== undefined && connectedIds().has(peerId)
  }

  const peerIdAt = (address: string): string | undefined => /\/p2p\/([^/]+)$/.exec(address)?.[1] ?? peerAt.get(address)

  const connectedIds = (): Set<string> => new Set(node.getConnections().map(({ remotePeer }) => remotePeer.toString()))

  /** Goes on for ever; the pauses differ, so that many nodes do not come back at once. */
  const loop = async (): Promise<void> => {
    const [shortest, longest] = pause
    while (!stopping.signal.aborted) {
      await dialMissing().catch((error: unknown) => log.warn({ err: error }, 'a round of dialling failed'))
      await wait(shortest + Math.random() * (longest - shortest), stopping.signal)
    }
  }

  const dialMissing = async (): Promise<void> => {
    const missing = [...addresses].filter(([text]) => !isConnected(text)).map(([, address]) => address)
    await Promise.all(missing.map(dialAgain))
    if (node.getConnections().length === 0) await dialKnown()
  }

  const dialAgain = async (address: Multiaddr): Promise<void> => {
    try {
      const connection = await dialAddress(address, stopping.signal)
      await wait(HANG_UP_WITHIN, stopping.signal)
      if (connection.status !== 'open') onFailure(address, CLOSED_AT_ONCE)
    } catch (error) {
      onFailure(address, whyUnreached(error))
    }
  }

  /** Said once, for as long as it stays the same. */
  const onFailure = (address: Multiaddr, reason: string): void => {
    const text = address.toString()
    if (stopping.signal.aborted || isConnected(text)) return
    if (failures.get(text) !== reason) log.warn({ address: text, reason }, 'an address to join is not reached')
    failures.set(text, reason)
  }

  const unreached = (): Unreached[] =>
    [...addresses.keys()].flatMap((address) => {
      const peerId = peerIdAt(address)
      const reason = isConnected(address)
        ? linkProblem(peerId ?? '')
        : (failures.get(address) ?? 'it is being dialled for the first time')
      return reason === undefined ? [] : [{ address, reason }]
    })

  /** Whoever was met before, in this run or an earlier one. */
  const dialKnown = async (): Promise<void> => {
    const known = await node.peerStore.all()
    const reachable = known.filter(({ id, addresses }) => !id.equals(node.peerId) && addresses.length > 0)
    const chosen = reachable.toSorted(() => Math.random() - 0.5).slice(0, KNOWN_PEERS_TRIED)
    await Promise.all(chosen.map(({ id }) => tryDial(id, 'any')))
  }

  const onDiscovery = ({ detail: { id } }: { detail: PeerInfo }): void => {
    void considerDialling(id)
  }

  const considerDialling = async (id: PeerInfo['id']): Promise<void> => {
    const wanted = (): boolean =>
      !stopping.signal.aborted &&
      node.getConnections(id).length === 0 &&
      connectedIds().size < targetPeers &&
      gate.banOf(id.toString()) === undefined
    if (!wanted()) return
    if (node.peerId.toString() > id.toString()) await wait(YIELD, stopping.signal)
    if (wanted()) await tryDial(id, 'direct') // a relay's bandwidth is for those that nobody else can replace
  }

  const tryDial = async (id: PeerId, way: Way): Promise<void> => {
    try {
      await dialPeer(node, id, { way, signal: stopping.signal })
    } catch (error) {
      if (!stopping.signal.aborted) log.debug({ peerId: id.toString(), err: error }, 'not reached')
    }
  }

  return {
    start: () => {
      node.addEventListener('peer:discovery', onDiscovery)
      looping = loop()
    },
    dial: async (address, signal) => {
      addresses.set(address.toString(), address)
      try {
        await dialAddress(address, signal)
      } catch (cause) {
        signal.throwIfAborted()
        failures.set(address.toString(), whyUnreached(cause))
        throw unreachable(address, cause)
      }
    },
    unreached,
    stop: async () => {
      node.removeEventListener('peer:discovery', onDiscovery)
      stopping.abort()
      await looping
    },
  }
}

const unreachable = (address: Multiaddr, cause: unknown): MeshError =>
  new MeshError('unreachable', `no node of this mesh answers at ${address.toString()}`, {
    hint: whyUnreached(cause),
    cause,
  })
