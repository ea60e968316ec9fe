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
  const { direct, relayed } = waysOf(id, addresses)
  if (way === 'direct' || relayed.length === 0)
    return node.dial(direct.length === 0 ? id : direct, { signal: inTime(signal) })
  try {
    if (direct.length > 0) return await node.dial(direct, { signal: inTime(signal) })
  } catch (error) {
    if (signal.aborted) throw error
  }
  return node.dial(relayed, { signal: inTime(signal) })
}

/** Dials it directly although it is connected through a relay. @throws Error of libp2p */
export const dialDirectly = async (node: MeshNode, id: PeerId, signal: AbortSignal): Promise<Connection> => {
  const { direct } = waysOf(id, (await node.peerStore.get(id)).addresses)
  return node.dial(direct, { signal: inTime(signal), force: true })
}

type Address = Connection['remoteAddr']

/** The address, ending in the peer's id. */
export const withPeer = (address: Address, id: PeerId): Address =>
  address.getComponents().at(-1)?.name === 'p2p' ? address : address.encapsulate(`/p2p/${id.toString()}`)

const waysOf = (
  id: PeerId,
  addresses: readonly { multiaddr: Address }[],
): { direct: Address[]; relayed: Address[] } => {
  const all = addresses.map(({ multiaddr }) => withPeer(multiaddr, id))
  return { direct: all.filter((address) => !isRelayed(address)), relayed: all.filter(isRelayed) }
}

const inTime = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT)])
