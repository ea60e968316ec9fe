import type { PeerStatus } from '@hubmesh/content'
import { createGoodput, type Goodput } from './fetch/goodput.ts'
import { MAX_KNOWN_PEERS } from './limits.ts'
import type { PeerLink } from './exchange/link.ts'
import type { Gate } from './node/gate.ts'

/** What is known of another node. */
export interface Peer {
  readonly peerId: string
  /** Present while it can be asked. */
  link: PeerLink | undefined
  /** Why it could not be asked when that was tried last. */
  problem: string | undefined
  site: string
  role: 'seed' | 'peer' | undefined
  readonly goodput: Goodput
  bytesIn: number
  bytesOut: number
  /** Milliseconds since 1970. */
  lastSeen: number
  addresses: readonly string[]
  /** Not asked for chunks before this time (`performance.now()`): it was busy, silent or broke off. */
  restUntil: number
  /** Chunks in a row that were left for it to bring into the site, and that it did not bring in time. */
  lapses: number
  /** Nothing is left for it to bring into the site before this time (`performance.now()`). */
  letDownUntil: number
  /** Failures in a row, for the back-off. */
  failures: number
  /** Bytes that have come from it, of whatever they are a part, and when the last did (`performance.now()`). */
  heardBytes: number
  heardAt: number
}

/** Everyone seen since the start; the longest gone are forgotten above 2 000. */
export interface Peers {
  get(peerId: string): Peer
  linked(): Peer[]
  /** Bytes have come from it. */
  readonly heard: (peerId: string, count: number) => void
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
      goodput: Math.round(peer.goodput.last()),
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
      const peer = peers.get(peerId)
      if (peer === undefined) return
      peer.heardBytes += count
      peer.heardAt = performance.now()
    },
    statuses: () => [...peers.values()].map(statusOf),
  }
}

const newPeer = (peerId: string): Peer => ({
  peerId,
  link: undefined,
  problem: undefined,
  site: '',
  role: undefined,
  goodput: createGoodput(),
  bytesIn: 0,
  bytesOut: 0,
  lastSeen: Date.now(),
  addresses: [],
  restUntil: 0,
  lapses: 0,
  letDownUntil: 0,
  failures: 0,
  heardBytes: 0,
  heardAt: 0,
})

const forgetOldest = (peers: Map<string, Peer>): void => {
  const gone = [...peers.values()].filter(({ link }) => link === undefined)
  const oldest = gone.toSorted((a, b) => a.lastSeen - b.lastSeen)[0]
  if (oldest !== undefined) peers.delete(oldest.peerId)
}
