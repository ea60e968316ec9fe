import type { PeerStatus } from '@hubmesh/content'
import { MAX_KNOWN_PEERS } from './limits.ts'
import type { PeerLink } from './exchange/link.ts'
import type { Gate } from './node/gate.ts'
import { type Path, createPath } from './schedule/index.ts'

/** What is known of another node. */
export interface Peer {
  readonly peerId: string
  /** Present while it can be asked. */
  link: PeerLink | undefined
  /** Why it could not be asked when that was tried last. */
  problem: string | undefined
  site: string
  role: 'seed' | 'peer' | undefined
  /** What was measured of the way to it. */
  readonly path: Path
  bytesIn: number
  bytesOut: number
  /** Milliseconds since 1970. */
  lastSeen: number
  addresses: readonly string[]
}

/** Everyone seen since the start; the longest gone are forgotten above 2 000. */
export interface Peers {
  get(peerId: string): Peer
  linked(): Peer[]
  /** Bytes have come from it. */
  readonly heard: (peerId: string, count: number) => void
  /** When the last did (`performance.now()`). */
  readonly heardAt: (peerId: string) => number
  readonly statuses: () => PeerStatus[]
}

export const createPeers = ({ gate }: { gate: Gate }): Peers => {
  const peers = new Map<string, Peer>()

  const get = (peerId: string): Peer => {
    const known = peers.get(peerId)
    if (known !== undefined) return known
    const peer = newPeer(peerId)
    peers.set(peerId, peer)
    if (peers.size > MAX_KNOWN_PEERS) forgetOldest(peers)
    return peer
  }

  const statusOf = (peer: Peer): PeerStatus => {
    const banned = gate.banOf(peer.peerId)
    const rttMs = peer.link?.rttMs()
    return {
      peerId: peer.peerId,
      site: peer.site,
      connected: peer.link !== undefined,
      rttMs: rttMs === undefined ? null : Math.round(rttMs * 10) / 10,
      goodput: Math.round(peer.path.goodput.last()),
      bytesIn: peer.bytesIn,
      bytesOut: peer.bytesOut,
      ...(banned === undefined ? {} : { banned }),
      lastSeen: new Date(peer.link === undefined ? peer.lastSeen : Date.now()).toISOString(),
      addresses: [...peer.addresses],
    }
  }

  return {
    get,
    linked: () => [...peers.values()].filter(({ link }) => link !== undefined),
    heard: (peerId, count) => {
      const path = peers.get(peerId)?.path
      if (path === undefined) return
      path.heardBytes += count
      path.heardAt = performance.now()
    },
    heardAt: (peerId) => peers.get(peerId)?.path.heardAt ?? -Infinity,
    statuses: () => [...peers.values()].map(statusOf),
  }
}

const newPeer = (peerId: string): Peer => ({
  peerId,
  link: undefined,
  problem: undefined,
  site: '',
  role: undefined,
  path: createPath(peerId),
  bytesIn: 0,
  bytesOut: 0,
  lastSeen: Date.now(),
  addresses: [],
})

const forgetOldest = (peers: Map<string, Peer>): void => {
  const gone = [...peers.values()].filter(({ link }) => link === undefined)
  const oldest = gone.toSorted((a, b) => a.lastSeen - b.lastSeen)[0]
  if (oldest !== undefined) peers.delete(oldest.peerId)
}
