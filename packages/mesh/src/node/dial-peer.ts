import type { Connection, PeerId } from '@libp2p/interface'
import { DIAL_TIMEOUT } from '../limits.ts'
import { isRelayed } from './addresses.ts'
import type { MeshNode } from './create-node.ts'

/** How a known peer may be reached: `direct` costs nobody else's bandwidth, `any` falls back to a relay's. */
export type Way = 'direct' | 'any'

/**
 * Dials the addresses at which the peer was last known, the direct ones first: of one that is behind NAT they lead nowhere,
 * and libp2p would spend all the time on them.
 * @throws Error of libp2p for the last that was tried
 */
export const dialPeer = async (
  node: MeshNode,
  id: PeerId,
  { way, signal }: { way: Way; signal: AbortSignal },
): Promise<Connection> => {
  const { addresses } = await node.peerStore.get(id).catch(() => ({ addresses: [] })) // not known: asked of the DHT
  const all = addresses.map(({ multiaddr }) => withPeer(multiaddr, id))
  const relayed = way === 'any' ? all.filter(isRelayed) : []
  const direct = all.filter((address) => !isRelayed(address))
  const inTime = (): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT)])
  if (relayed.length === 0) return node.dial(direct.length === 0 ? id : direct, { signal: inTime() })
  try {
    if (direct.length > 0) return await node.dial(direct, { signal: inTime() })
  } catch (error) {
    if (signal.aborted) throw error
  }
  return node.dial(relayed, { signal: inTime() })
}

/** Dials it directly although it is connected through a relay. @throws Error of libp2p */
export const dialDirectly = async (node: MeshNode, id: PeerId, signal: AbortSignal): Promise<Connection> => {
  const { addresses } = await node.peerStore.get(id)
  const direct = addresses.map(({ multiaddr }) => withPeer(multiaddr, id)).filter((address) => !isRelayed(address))
  return node.dial(direct, { signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT)]), force: true })
}

type Address = Connection['remoteAddr']

const withPeer = (address: Address, id: PeerId): Address =>
  address.getComponents().at(-1)?.name === 'p2p' ? address : address.encapsulate(`/p2p/${id.toString()}`)
