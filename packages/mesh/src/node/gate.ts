import type { ConnectionGater, Libp2p, PeerId } from '@libp2p/interface'
import type { Log } from '@hubmesh/content'
import {
  BREACH_WINDOW,
  FIRST_BAN,
  MAX_BAN,
  MAX_BREACHES,
  MAX_CONNECTIONS_PER_PEER,
  MAX_CONNECTIONS_WITH_FURTHER,
  MAX_KNOWN_PEERS,
} from '../limits.ts'

export interface Ban {
  /** ISO date. */
  readonly until: string
  readonly reason: string
}

/**
 * Keeps out who lied or broke the protocol: for a minute first, twice as long each time, an hour at most. And lets nobody
 * hold more connections than are of use.
 */
export interface Gate {
  readonly gater: ConnectionGater
  /** Closes the peer's connections and keeps it out for a while. */
  ban(peerId: string, reason: string): void
  /** Counts a breach of the protocol: the third within ten minutes is a ban. */
  readonly breach: (peerId: string, reason: string) => void
  /** The ban that holds now. */
  banOf(peerId: string): Ban | undefined
  /** Gives it the node whose connections it closes. */
  attach(node: Libp2p): void
}

interface Offender {
  until: number
  reason: string
  bans: number
  breaches: number[]
}

/** @param options.log gets the evidence */
export const createGate = ({ log }: { log: Log }): Gate => {
  const offenders = new Map<string, Offender>()
  let node: Libp2p | undefined

  const offenderOf = (peerId: string): Offender => {
    const offender = offenders.get(peerId) ?? { until: 0, reason: '', bans: 0, breaches: [] }
    offenders.delete(peerId) // the one that offended last is forgotten last
    offenders.set(peerId, offender)
    for (const [oldest] of offenders) {
      if (offenders.size <= MAX_KNOWN_PEERS) break
      offenders.delete(oldest)
    }
    return offender
  }

  const ban = (peerId: string, reason: string): void => {
    const offender = offenderOf(peerId)
    if (offender.until > Date.now()) return
    const length = Math.min(FIRST_BAN * 2 ** offender.bans, MAX_BAN)
    Object.assign(offender, { until: Date.now() + length, reason, bans: offender.bans + 1, breaches: [] })
    log.warn({ peerId, reason, seconds: length / 1000 }, 'a peer is banned')
    for (const connection of node?.getConnections() ?? [])
      if (connection.remotePeer.toString() === peerId) connection.abort(new Error('banned')) // the gater looks at new ones only
  }

  const breach = (peerId: string, reason: string): void => {
    const offender = offenderOf(peerId)
    const now = Date.now()
    offender.breaches = [...offender.breaches.filter((at) => now - at < BREACH_WINDOW), now]
    log.warn({ peerId, reason, breaches: offender.breaches.length }, 'a peer broke the protocol')
    if (offender.breaches.length >= MAX_BREACHES) ban(peerId, reason)
  }

  const banOf = (peerId: string): Ban | undefined => {
    const offender = offenders.get(peerId)
    if (offender === undefined || offender.until <= Date.now()) return undefined
    return { until: new Date(offender.until).toISOString(), reason: offender.reason }
  }

  const isBanned = (peer: PeerId): boolean => banOf(peer.toString()) !== undefined

  /** One peer's further connections keep nobody else out. */
  const hasEnough = (peer: PeerId): boolean => {
    const all = node?.getConnections() ?? []
    const most = all.length < MAX_CONNECTIONS_WITH_FURTHER ? MAX_CONNECTIONS_PER_PEER : 2
    return all.filter(({ remotePeer }) => remotePeer.equals(peer)).length >= most
  }

  return {
    gater: {
      denyDialPeer: isBanned,
      denyInboundEncryptedConnection: (peer) => isBanned(peer) || hasEnough(peer),
      denyOutboundEncryptedConnection: isBanned,
    },
    ban,
    breach,
    banOf,
    attach: (libp2p) => {
      node = libp2p
    },
  }
}
