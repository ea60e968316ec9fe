import type { Multiaddr } from '@multiformats/multiaddr'

interface Components {
  readonly transportManager: { getAddrs(): Multiaddr[] }
  readonly addressManager: { confirmObservedAddr(address: Multiaddr, options: { type: 'transport' }): void }
}

/**
 * A libp2p service that believes the addresses which this node listens on. Left to itself libp2p tells nobody of a public
 * one until others have confirmed it, which nobody does here.
 */
export const publicAddresses = ({ transportManager, addressManager }: Components): { afterStart(): void } => ({
  afterStart: () => {
    for (const address of transportManager.getAddrs())
      addressManager.confirmObservedAddr(address, { type: 'transport' })
  },
})
