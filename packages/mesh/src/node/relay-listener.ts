import type { Listener } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

interface Components {
  readonly transportManager: { listen(addresses: Multiaddr[]): Promise<void>; getListeners(): Listener[] }
}

/** Reserves places at relays, so that others can reach this node through them. */
export interface RelayListener {
  /** @param relay its address and peer id, connected @throws Error when it gives no place */
  listenAt(relay: Multiaddr): Promise<void>
}

/**
 * A libp2p service. Its own search for relays walks the DHT until it finds one, for ever where there is none: here a relay is
 * chosen among those that are connected. One listener a relay is used again after each loss: none can be taken away.
 */
export const relayListener = ({ transportManager }: Components): RelayListener => {
  const listeners = new Map<string, Listener>()
  return {
    listenAt: async (relay) => {
      const address = relay.encapsulate('/p2p-circuit')
      const known = listeners.get(address.toString())
      if (known !== undefined) return known.listen(address)
      const before = new Set(transportManager.getListeners())
      await transportManager.listen([address])
      const added = transportManager.getListeners().find((listener) => !before.has(listener))
      if (added !== undefined) listeners.set(address.toString(), added)
    },
  }
}
