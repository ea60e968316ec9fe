import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { Connection, IdentifyResult, PeerId } from '@libp2p/interface'
import type { Log } from '@hubmesh/content'
import { asError } from '../as-error.ts'
import { MAX_RELAYS } from '../limits.ts'
import type { MeshNode } from './create-node.ts'
import { dialDirectly, withPeer } from './dial-peer.ts'

/** The ways around NAT: places at relays for this node, and direct connections in the place of relayed ones. */
export interface Relays {
  start(): void
  stop(): void
}

/**
 * A node that can only dial out is dialled through the relays that it is connected to. Who was reached so dials back, in
 * case that the other side can be dialled; when a direct connection stands, relayed ones to the same peer are closed.
 */
export const createRelays = ({ node, log }: { node: MeshNode; log: Log }): Relays => {
  const stopping = new AbortController()
  /** Connected peers that relay. */
  const offered = new Map<string, Connection>()
  /** Those of them that this node has, or asks for, a place at. */
  const taken = new Set<string>()

  const onIdentify = ({ detail: { peerId, protocols, connection } }: { detail: IdentifyResult }): void => {
    if (connection.limits !== undefined) {
      if (connection.direction === 'inbound') void replace(connection)
    } else if (protocols.includes(RELAY_V2_HOP_CODEC)) {
      offered.set(peerId.toString(), connection)
      takePlaces()
    }
  }

  const onDisconnect = ({ detail }: { detail: PeerId }): void => {
    offered.delete(detail.toString())
    taken.delete(detail.toString())
    takePlaces()
  }

  /** Also where this node can be dialled after all, which nobody can tell it for sure: a place costs the relay next to nothing. */
  const takePlaces = (): void => {
    if (stopping.signal.aborted) return
    for (const [peerId, connection] of offered) {
      if (taken.size >= MAX_RELAYS) return
      if (!taken.has(peerId)) void takePlace(peerId, connection)
    }
  }

  /** Never rejects. */
  const takePlace = async (peerId: string, { remoteAddr, remotePeer }: Connection): Promise<void> => {
    taken.add(peerId)
    try {
      await node.services.relayListener.listenAt(withPeer(remoteAddr, remotePeer))
      log.info({ peerId }, 'this node can be reached through a relay')
    } catch (error) {
      log.debug({ peerId, err: error }, 'no place at a relay')
      offered.delete(peerId) // it may have one when it is connected the next time
      taken.delete(peerId)
      takePlaces()
    }
  }

  const onOpen = ({ detail }: { detail: Connection }): void => {
    if (detail.limits !== undefined) return
    for (const other of node.getConnections(detail.remotePeer))
      if (other.limits !== undefined) other.close().catch((error: unknown) => other.abort(asError(error)))
  }

  /** Never rejects. */
  const replace = async ({ remotePeer }: Connection): Promise<void> => {
    try {
      await dialDirectly(node, remotePeer, stopping.signal)
    } catch (error) {
      log.debug({ peerId: remotePeer.toString(), err: error }, 'reached through a relay only')
    }
  }

  return {
    start: () => {
      node.addEventListener('peer:identify', onIdentify)
      node.addEventListener('peer:disconnect', onDisconnect)
      node.addEventListener('connection:open', onOpen)
    },
    stop: () => {
      stopping.abort()
      node.removeEventListener('peer:identify', onIdentify)
      node.removeEventListener('peer:disconnect', onDisconnect)
      node.removeEventListener('connection:open', onOpen)
    },
  }
}
