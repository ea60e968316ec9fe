import type { PeerId, PeerInfo } from '@libp2p/interface'
import type { LevelDatastore } from 'datastore-level'
import { type Cid, type Log, link } from '@hubmesh/content'
import {
  DHT_TIMEOUT,
  MAX_KNOWN_PEERS,
  MAX_PROVIDERS_DIALLED,
  MAX_SEARCHES,
  MINUTE,
  PROVIDER_INTERVAL,
  PROVIDER_VALIDITY,
  SECOND,
} from '../limits.ts'
import type { MeshNode } from '../node/create-node.ts'
import { dialPeer } from '../node/dial-peer.ts'
import type { Gate } from '../node/gate.ts'
import { unlessAborted } from '../node/wait.ts'

/** Who has chunks of which manifest, by the DHT. */
export interface Providers {
  /** Forgets the records of an earlier run: what is held now is said anew. Call before the node starts. */
  forgetOwn(): Promise<void>
  readonly provide: (manifest: Cid) => void
  readonly withdraw: (manifest: Cid) => void
  /** Looks for providers and dials them; does nothing while it has done so a moment ago. */
  readonly seek: (manifest: Cid) => void
  /** The same at once, for who waits for it: the providers that could be dialled. @throws the signal's reason */
  readonly seekNow: (manifest: Cid, signal: AbortSignal) => Promise<readonly PeerId[]>
  /** A peer has left: what others still say of it is not believed until it is back. */
  onGone(peerId: string): void
  onBack(peerId: string): void
  stop(): Promise<void>
}

const PROVIDER_KEYS = '/dht/provider'
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
/** After a peer has come, its routing table entry is there. */
const SETTLE = SECOND

type DhtCid = Parameters<MeshNode['services']['dht']['provide']>[0]

export const createProviders = ({
  datastore,
  gate,
  log,
  node,
}: {
  datastore: LevelDatastore
  gate: Gate
  log: Log
  node: MeshNode
}): Providers => {
  const provided = new Set<Cid>()
  /** Not yet told, or told to nobody since nobody was there. */
  const untold = new Set<Cid>()
  const sought = new Map<Cid, Search>()
  let searching = 0
  const gone = new Map<string, number>()
  const stopping = new AbortController()
  let telling: Promise<void> | undefined
  let settle: NodeJS.Timeout | undefined
  let retryDelay = SETTLE

  const forgetOwn = async (): Promise<void> => {
    const own = node.peerId.toString()
    for await (const key of datastore.queryKeys({ prefix: PROVIDER_KEYS }))
      if (key.name() === own) await datastore.delete(key)
  }

  const provide = (manifest: Cid): void => {
    if (provided.has(manifest)) return
    provided.add(manifest)
    untold.add(manifest)
    tell()
  }

  const withdraw = (manifest: Cid): void => {
    untold.delete(manifest)
    if (!provided.delete(manifest) || node.status !== 'started') return
    node.services.dht.cancelReprovide(dhtCid(manifest)).catch((error: unknown) => {
      log.debug({ manifest, err: error }, 'a provider record could not be withdrawn')
    })
  }

  /** One after another: each is some dozen messages, and there may be a thousand of them. */
  const tell = (): void => {
    if (node.status === 'started') telling ??= tellAll().finally(() => (telling = undefined))
  }

  const tellAll = async (): Promise<void> => {
    for (const manifest of untold) {
      if (stopping.signal.aborted) return
      if ((await tellOne(manifest)) > 0) untold.delete(manifest)
    }
    if (untold.size > 0) tellLater((retryDelay = Math.min(retryDelay * 2, PROVIDER_INTERVAL)))
    else retryDelay = SETTLE
  }

  const tellLater = (delay: number): void => {
    clearTimeout(settle)
    if (!stopping.signal.aborted) settle = setTimeout(tell, delay)
  }

  const tellOne = async (manifest: Cid): Promise<number> => {
    let told = 0
    try {
      for await (const event of node.services.dht.provide(dhtCid(manifest), { signal: soon() }))
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') told += 1
    } catch (error) {
      log.debug({ manifest, err: error }, 'a provider record could not be given to all')
    }
    return told
  }

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
    forgetOwn,
    provide,
    withdraw,
    seek,
    seekNow: (manifest, signal) => unlessAborted(search(manifest), signal),
    onGone: (peerId) => markGone(peerId, PROVIDER_VALIDITY),
    onBack: (peerId) => {
      gone.delete(peerId)
      tellLater(SETTLE)
    },
    stop: async () => {
      stopping.abort()
      clearTimeout(settle)
      await telling
    },
  }
}

const dhtCid = (manifest: Cid): DhtCid => link(manifest) as DhtCid
