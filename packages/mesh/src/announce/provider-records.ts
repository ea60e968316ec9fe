import type { LevelDatastore } from 'datastore-level'
import { type Cid, type Log, link } from '@hubmesh/content'
import { DHT_TIMEOUT, PROVIDER_INTERVAL, PROVIDER_RENEWAL, QUICK_TELLS, SECOND, TELL_PAUSE } from '../limits.ts'
import type { MeshNode } from '../node/create-node.ts'
import { wait } from '../node/wait.ts'

/** Keeps the DHT told of what this node has. */
export interface ProviderRecords {
  /** Forgets the records of an earlier run: what is held now is said anew. Call before the node starts. */
  forgetOwn(): Promise<void>
  readonly provide: (manifest: Cid) => void
  readonly withdraw: (manifest: Cid) => void
  /** Somebody has come who may take what nobody took. */
  retrySoon(): void
  stop(): Promise<void>
}

export interface ProviderRecordsComponents {
  readonly datastore: LevelDatastore
  readonly log: Log
  readonly node: MeshNode
}

export interface ProviderRecordsOptions {
  /** Time within which each record is told again, in ms. @default 100 min */
  readonly renewal?: number
}

const PROVIDER_KEYS = '/dht/provider'
/** After a peer has come, its routing table entry is there. */
const SETTLE = SECOND

export type DhtCid = Parameters<MeshNode['services']['dht']['provide']>[0]
export const dhtCid = (manifest: Cid): DhtCid => link(manifest) as DhtCid

/**
 * Each record is some dozen messages, and there may be thousands of them: they are told one after another, with a pause, and
 * again one at a time, spread over the whole time for which they are good. kad-dht itself would renew all at once.
 */
export const createProviderRecords = (
  { datastore, log, node }: ProviderRecordsComponents,
  { renewal = PROVIDER_RENEWAL }: ProviderRecordsOptions = {},
): ProviderRecords => {
  const provided = new Set<Cid>()
  /** Not yet told, or told to nobody since nobody was there. */
  const untold = new Set<Cid>()
  /** The longest ago told first. */
  const told = new Set<Cid>()
  const stopping = new AbortController()
  let telling: Promise<void> | undefined
  let renewing: Promise<void> | undefined
  let retry: NodeJS.Timeout | undefined
  let renew: NodeJS.Timeout | undefined
  let retryDelay = SETTLE
  let renewedAt = 0

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
    told.delete(manifest)
    if (!provided.delete(manifest) || node.status !== 'started') return
    node.services.dht.cancelReprovide(dhtCid(manifest)).catch((error: unknown) => {
      log.debug({ manifest, err: error }, 'a provider record could not be withdrawn')
    })
  }

  const tell = (): void => {
    if (node.status === 'started') telling ??= tellAll().finally(() => (telling = undefined))
  }

  const tellAll = async (): Promise<void> => {
    let quick = QUICK_TELLS
    for (const manifest of untold) {
      if (stopping.signal.aborted) return
      if (node.getConnections().length === 0) break // nobody would take any
      await tellOne(manifest)
      if ((quick -= 1) < 0) await wait(TELL_PAUSE, stopping.signal)
    }
    if (untold.size > 0) retryLater((retryDelay = Math.min(retryDelay * 2, PROVIDER_INTERVAL)))
    else retryDelay = SETTLE
  }

  const retryLater = (delay: number): void => {
    clearTimeout(retry)
    if (!stopping.signal.aborted) retry = setTimeout(tell, delay)
  }

  /** Never rejects. */
  const tellOne = async (manifest: Cid): Promise<void> => {
    const isTaken = (await put(manifest)) > 0
    if (!provided.has(manifest)) return
    told.delete(manifest) // the last told comes last
    if (isTaken) {
      untold.delete(manifest)
      told.add(manifest)
    } else untold.add(manifest)
    renewLater()
  }

  const renewLater = (): void => {
    clearTimeout(renew)
    if (told.size === 0 || stopping.signal.aborted) return
    if (renewedAt === 0) renewedAt = performance.now()
    const pause = Math.max(TELL_PAUSE, renewal / told.size)
    renew = setTimeout(renewOldest, renewedAt + pause - performance.now())
  }

  const renewOldest = (): void => {
    const [oldest] = told
    if (oldest === undefined) return
    renewedAt = performance.now()
    renewing ??= tellOne(oldest).finally(() => {
      renewing = undefined
      if (untold.size > 0) retryLater(retryDelay)
    })
  }

  /** How many have taken the record. */
  const put = async (manifest: Cid): Promise<number> => {
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(DHT_TIMEOUT)])
    let taken = 0
    try {
      for await (const event of node.services.dht.provide(dhtCid(manifest), { signal }))
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') taken += 1
    } catch (error) {
      log.debug({ manifest, err: error }, 'a provider record could not be given to all')
    }
    return taken
  }

  return {
    forgetOwn,
    provide,
    withdraw,
    retrySoon: () => retryLater(SETTLE),
    stop: async () => {
      stopping.abort()
      clearTimeout(retry)
      clearTimeout(renew)
      await Promise.all([telling, renewing])
    },
  }
}
