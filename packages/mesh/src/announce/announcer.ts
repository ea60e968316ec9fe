import type { CatalogStore, Log } from '@hubmesh/content'
import type { ExchangeServer } from '../exchange/server.ts'
import { HEAD_PUT_INTERVAL, HEAD_REPEAT_INTERVAL, SECOND } from '../limits.ts'
import type { MeshNode } from '../node/create-node.ts'
import { jitter } from '../node/wait.ts'
import type { Gossip } from './gossip.ts'
import type { HeadRecords } from './head-records.ts'

/**
 * Spreads sealed catalog heads three ways that cover each other: gossip is quick but has no memory, the DHT remembers but can
 * be held back, and whoever connects is asked.
 */
export interface Announcer {
  start(): void
  readonly announce: (envelope: Uint8Array) => Promise<void>
  /** A peer can be asked: records that nobody took are put now, and publishers are looked up. */
  onPeer(): void
  stop(): Promise<void>
}

export interface AnnouncerComponents {
  readonly catalogs: CatalogStore
  readonly gossip: Gossip
  readonly records: HeadRecords
  readonly server: ExchangeServer
  readonly log: Log
  readonly node: MeshNode
  readonly onHead: (envelope: Uint8Array, from: string) => void
}

const SETTLE = SECOND
/** What `onHead` is told of a head that came from the DHT. */
const FROM_DHT = 'dht'

/** @param options.publishers whose records are looked up, beside those whose heads are held */
export const createAnnouncer = (
  components: AnnouncerComponents,
  { publishers }: { publishers: readonly string[] },
): Announcer => {
  const { catalogs, gossip, records, server, log, node, onHead } = components
  let own: Uint8Array | undefined
  /** Nobody took our own head's record yet. */
  let untold = false
  let stopped = false
  let delay = SETTLE
  let catchingUp: NodeJS.Timeout | undefined
  let repeat: NodeJS.Timeout | undefined
  let putting: NodeJS.Timeout | undefined
  let tasks = Promise.resolve()
  let stopCommits = (): void => {}

  const announce = async (envelope: Uint8Array): Promise<void> => {
    own = envelope
    untold = true
    server.pushHead(envelope)
    if (node.status !== 'started') return
    await gossip.head(envelope)
    catchUpSoon(0)
  }

  /** Soon after a start or a break nobody may be there to take a record, or to have one: it is tried again, ever later. */
  const catchUp = async (): Promise<void> => {
    if (own !== undefined && untold) await putOwn(own).catch(warn)
    const foundAll = await lookUp()
    if (!untold && foundAll) return
    delay = Math.min(delay * 2, HEAD_REPEAT_INTERVAL)
    catchUpSoon(delay)
  }

  const catchUpSoon = (ms: number): void => {
    clearTimeout(catchingUp)
    if (!stopped) catchingUp = setTimeout(() => background(catchUp), ms)
  }

  const putOwn = async (envelope: Uint8Array): Promise<void> => {
    const taken = await records.put(node.services.dht, envelope)
    log.debug({ taken }, 'put our head into the DHT')
    if (envelope === own) untold = taken === 0
  }

  /** Whose heads are held here are trusted here: their records are kept alive, all others' are not. */
  const putHeld = async (): Promise<void> => {
    for (const { envelope } of catalogs.heads()) {
      if (stopped) return
      await records.put(node.services.dht, envelope).catch((error: unknown) => {
        log.debug({ err: error }, 'a held head could not be put into the DHT') // it may be out of date by now
      })
    }
  }

  /** True when a record of everyone was found. */
  const lookUp = async (): Promise<boolean> => {
    const wanted = new Set([...publishers, ...catalogs.heads().map(({ head }) => head.publisher)])
    let found = 0
    for (const publisher of wanted) {
      if (stopped) return true
      const envelope = await records.find(node.services.dht, publisher)
      if (envelope === undefined) continue
      found += 1
      onHead(envelope, FROM_DHT)
    }
    return found === wanted.size
  }

  /** One after another, off the caller's way. */
  const background = (task: () => Promise<void>): void => {
    tasks = tasks.then(async () => {
      if (stopped) return
      await task().catch(warn)
    })
  }

  const warn = (error: unknown): void => log.warn({ err: error }, 'an announcement failed')

  const again = (): void => {
    const envelope = own
    if (envelope !== undefined) background(() => gossip.head(envelope))
    background(catchUp)
    repeat = setTimeout(again, jitter(HEAD_REPEAT_INTERVAL))
  }

  const putAgain = (): void => {
    background(putHeld)
    putting = setTimeout(putAgain, jitter(HEAD_PUT_INTERVAL))
  }

  return {
    start: () => {
      stopCommits = catalogs.onCommit(({ envelope }) => server.pushHead(envelope))
      repeat = setTimeout(again, jitter(HEAD_REPEAT_INTERVAL))
      putting = setTimeout(putAgain, jitter(HEAD_PUT_INTERVAL))
    },
    announce,
    onPeer: () => {
      delay = SETTLE
      catchUpSoon(delay)
    },
    stop: async () => {
      stopped = true
      stopCommits()
      for (const timer of [catchingUp, repeat, putting]) clearTimeout(timer)
      await tasks
    },
  }
}
