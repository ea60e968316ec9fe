import type { PeerId, PeerInfo } from '@libp2p/interface'
import type { Cid, Log } from '@hubmesh/content'
import {
  DHT_TIMEOUT,
  MAX_KNOWN_PEERS,
  MAX_PROVIDERS_DIALLED,
  MAX_SEARCHES,
  MINUTE,
  PROVIDER_VALIDITY,
  SECOND,
} from '../limits.ts'
import type { MeshNode } from '../node/create-node.ts'
import { dialPeer } from '../node/dial-peer.ts'
import type { Gate } from '../node/gate.ts'
import { unlessAborted } from '../node/wait.ts'
import { dhtCid } from './provider-records.ts'

/** Finds who has chunks of which manifest, by the DHT, and dials them. */
export interface Providers {
  /** Looks for providers and dials them; does nothing while it has done so a moment ago. */
  readonly seek: (manifest: Cid) => void
  /** The same at once, for who waits for it: the providers that could be dialled. @throws the signal's reason */
  readonly seekNow: (manifest: Cid, signal: AbortSignal) => Promise<readonly PeerId[]>
  /** A peer has left: what others still say of it is not believed until it is back. */
  onGone(peerId: string): void
  onBack(peerId: string): void
  stop(): void
}

const FIRST_SEEK_DELAY = 2 * SECOND
const MAX_SEEK_DELAY = MINUTE
/** Manifests whose last search is remembered. */
const MAX_SOUGHT = 1024

interface Search {
  /** While it is under way. */
  running: Promise<readonly PeerId[]> | undefined
  /** Not again before (`performance.now()`). */
  nextAt: number
  delay: number
}

export const createProviders = ({ gate, log, node }: { gate: Gate; log: Log; node: MeshNode }): Providers => {
  const sought = new Map<Cid, Search>()
  let searching = 0
  const gone = new Map<string, number>()
  const stopping = new AbortController()

  const seek = (manifest: Cid): void => {
    if ((sought.get(manifest)?.nextAt ?? 0) <= performance.now()) void search(manifest)
  }

  /** Never rejects; empty too while as many others are under way as may be. */
  const search = async (manifest: Cid): Promise<readonly PeerId[]> => {
    const last: Search = sought.get(manifest) ?? { running: undefined, nextAt: 0, delay: FIRST_SEEK_DELAY }
    if (last.running !== undefined) return last.running
    if (searching >= MAX_SEARCHES || stopping.signal.aborted) return []
    remember(manifest, last)
    searching += 1
    last.running = find(manifest)
    const found = await last.running
    searching -= 1
    last.running = undefined
    last.nextAt = performance.now() + last.delay
    last.delay = found.length > 0 ? FIRST_SEEK_DELAY : Math.min(last.delay * 2, MAX_SEEK_DELAY)
    return found
  }

  const remember = (manifest: Cid, search: Search): void => {
    sought.set(manifest, search)
    for (const [oldest] of sought) {
      if (sought.size <= MAX_SOUGHT) break
      sought.delete(oldest)
    }
  }

  const find = async (manifest: Cid): Promise<readonly PeerId[]> => {
    const dials = new Map<string, Promise<PeerId | undefined>>()
    try {
      for await (const event of node.services.dht.findProviders(dhtCid(manifest), { signal: soon() })) {
        if (event.name !== 'PROVIDER') continue
        for (const provider of event.providers) {
          const peerId = provider.id.toString()
          if (dials.size >= MAX_PROVIDERS_DIALLED || dials.has(peerId) || !isWorthDialling(provider)) continue
          dials.set(peerId, dial(provider))
        }
        if (dials.size >= MAX_PROVIDERS_DIALLED) break
      }
    } catch (error) {
      log.debug({ manifest, err: error }, 'a search for providers ended early')
    }
    return (await Promise.all(dials.values())).filter((id) => id !== undefined)
  }

  const isWorthDialling = ({ id }: PeerInfo): boolean =>
    !id.equals(node.peerId) &&
    gate.banOf(id.toString()) === undefined &&
    (gone.get(id.toString()) ?? 0) < Date.now() &&
    node.getConnections(id).length === 0

  /** Records outlive their providers: one that cannot be reached is left out until it comes back. */
  const dial = async ({ id, multiaddrs }: PeerInfo): Promise<PeerId | undefined> => {
    try {
      await node.peerStore.merge(id, { multiaddrs })
      await dialPeer(node, id, { way: 'any', signal: stopping.signal })
      return id
    } catch (error) {
      log.debug({ peerId: id.toString(), err: error }, 'a provider cannot be reached')
      markGone(id, MINUTE)
      return undefined
    }
  }

  const markGone = (id: PeerId | string, ms: number): void => {
    const now = Date.now()
    for (const [peerId, until] of gone) if (until < now || gone.size >= MAX_KNOWN_PEERS) gone.delete(peerId)
    gone.set(id.toString(), now + ms)
  }

  const soon = (): AbortSignal => AbortSignal.any([stopping.signal, AbortSignal.timeout(DHT_TIMEOUT)])

  return {
    seek,
    seekNow: (manifest, signal) => unlessAborted(search(manifest), signal),
    onGone: (peerId) => markGone(peerId, PROVIDER_VALIDITY),
    onBack: (peerId) => void gone.delete(peerId),
    stop: () => stopping.abort(),
  }
}
