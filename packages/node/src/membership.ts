import { createNetworkKey } from '@hubmesh/trust'
import { readNetworkKey, writeNetworkKey } from './network-key.ts'

/** Which mesh a node belongs to. */
export interface Membership {
  readonly networkKey: Uint8Array
  /** Addresses to dial. */
  readonly bootstrap: readonly string[]
  /** Why it could not join as it was told to. */
  readonly problem?: string
}

/**
 * The mesh of a home. A first start that is given nothing founds one: it makes a network key. One that is given bare
 * addresses but has no key stands alone under a key that is not kept, so that a ticket can still make it a member.
 */
export const findMembership = async (home: string, addresses: readonly string[]): Promise<Membership> => {
  const held = await readNetworkKey(home)
  if (held !== undefined) return { networkKey: held, bootstrap: addresses }
  const networkKey = createNetworkKey()
  if (addresses.length > 0) {
    return {
      networkKey,
      bootstrap: [],
      problem: 'an address alone does not join: this home has no network key, so use a ticket (`hubmesh join TICKET`)',
    }
  }
  await writeNetworkKey(home, networkKey)
  return { networkKey, bootstrap: [] }
}
