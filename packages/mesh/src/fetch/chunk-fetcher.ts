import {
  type ChunkCaps,
  type ChunkSource,
  type ChunkWant,
  type FetchedChunk,
  type Log,
  type Meter,
  MeshError,
  isMeshError,
  verify,
} from '@hubmesh/content'
import { SECOND, TICK } from '../limits.ts'
import type { Gate } from '../node/gate.ts'
import type { Peer, Peers } from '../peers.ts'
import type { Outcome, Request, Scheduler, Wanted } from '../schedule/index.ts'
import { consume, createFetched } from './fetched.ts'
import type { RemoteSets } from './remote-sets.ts'

export interface ChunkFetcherComponents {
  readonly peers: Peers
  readonly gate: Gate
  readonly scheduler: Scheduler
  readonly sets: RemoteSets
  readonly meter: Meter
  readonly log: Log
  /** Rates that hold now. */
  readonly caps: () => ChunkCaps
  /** Nobody connected has a chunk of this manifest: look further. Called often. */
  readonly seek: (manifest: ChunkWant['manifest']) => void
}

/** Does what the scheduler decides: asks, verifies, gives up, and tells it what came of that. */
export interface ChunkFetcher extends ChunkSource {
  /** Something has changed: a peer came or went, or told what it has. */
  wake(): void
  /** Counts payload that came after it was cancelled. */
  readonly late: (peerId: string, bytes: number) => void
  /** Whoever waits for a chunk is told so. */
  stop(): void
}

/** Who waits for a chunk. */
interface Waiter {
  readonly want: ChunkWant
  /** Gone with the chunk. */
  settle: PromiseWithResolvers<FetchedChunk> | undefined
}

/** Before the DHT is asked, connected peers may take so long to say what they have. */
const SEEK_AFTER = 300
const SEEK_ANYWAY = 2 * SECOND
/** A tick that comes later than this tells of a busy process, not of silent peers. */
const TICK_SLACK = 500

export const createChunkFetcher = (components: ChunkFetcherComponents): ChunkFetcher => {
  const { peers, gate, scheduler, sets, meter, log, caps, seek } = components
  const waiters = new Map<Wanted, Waiter>()
  const aborts = new Map<Request, AbortController>()
  let queued = false
  let timer: NodeJS.Timeout | undefined
  let tickedAt = 0
  let stopped = false

  const fetch: ChunkSource['fetch'] = async (want, { priority, dueMs, signal }) => {
    signal.throwIfAborted()
    if (stopped) throw stopping()
    const { set, index, length } = want
    const settle = Promise.withResolvers<FetchedChunk>()
    const wanted = scheduler.want({ set, index, length, priority, dueMs }, performance.now())
    const waiter: Waiter = { want, settle }
    waiters.set(wanted, waiter)
    const onAbort = (): void => {
      waiter.settle = undefined // nobody would release what comes now
      settle.reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort)
    sets.want(set)
    wake()
    startTicking()
    try {
      return await settle.promise
    } finally {
      waiter.settle = undefined
      signal.removeEventListener('abort', onAbort)
      waiters.delete(wanted)
      for (const request of scheduler.drop(wanted)) aborts.get(request)?.abort(superseded)
    }
  }

  /** Many things change in one turn of the event loop: they are looked at once, in the next. */
  const wake = (): void => {
    if (queued || waiters.size === 0) return
    queued = true
    setImmediate(() => {
      queued = false
      scheduler.cap(caps())
      for (const request of scheduler.next(performance.now())) void ask(request)
    })
  }

  const ask = async (request: Request): Promise<void> => {
    const peer = peers.get(request.path.peerId)
    const waiter = waiters.get(request.want)
    const abort = new AbortController()
    aborts.set(request, abort)
    let outcome: Outcome = 'cancelled'
    let retryMs: number | undefined
    try {
      if (peer.link === undefined || waiter === undefined) throw new MeshError('unreachable', 'the peer is gone')
      const { set, index, length } = waiter.want
      const payload = await peer.link.chunk({ set, index, length, priority: request.priority }, abort.signal)
      take(waiter, peer, consume(payload))
      outcome = 'arrived'
    } catch (error) {
      if (error !== superseded) outcome = outcomeOf(error)
      if (isMeshError(error, 'busy')) retryMs = (error.retryAfter ?? 1) * SECOND
      onOutcome(outcome, request, error)
    } finally {
      aborts.delete(request)
      scheduler.ended(request, outcome, performance.now(), retryMs)
      wake()
    }
  }

  const take = (waiter: Waiter, peer: Peer, parts: readonly Uint8Array[]): void => {
    const { want, settle } = waiter
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    countReceived(peer, length)
    const bytes = verify(parts, want.sha256)
    if (settle === undefined) return // another was sooner
    waiter.settle = undefined // also when another comes before anyone who waits has gone on
    meter.add('verifiedChunks', 1)
    meter.add('verifiedBytes', length)
    if (!peer.path.sameSite && !isAtSite(want)) meter.add('broughtBytes', length)
    scheduler.hold(length)
    const onRelease = (): void => {
      scheduler.hold(-length)
      wake()
    }
    settle.resolve(createFetched({ bytes, from: peer.peerId, sameSite: peer.path.sameSite }, onRelease))
  }

  /** A node of our site has the chunk, as far as it has told. */
  const isAtSite = ({ set, index }: ChunkWant): boolean =>
    scheduler.holdings
      .of(set)
      .entries()
      .some(([path, { bitmap }]) => path.sameSite && bitmap.has(index))

  const countReceived = (peer: Peer, length: number): void => {
    peer.bytesIn += length
    scheduler.received(peer.path, length, performance.now())
    meter.add(peer.path.sameSite ? 'siteBytes' : 'wanBytes', length)
  }

  const onOutcome = (outcome: Outcome, { path: { peerId }, want: { set, index } }: Request, error: unknown): void => {
    if (outcome === 'wrong') {
      meter.add('rejectedChunks', 1)
      log.warn({ peerId, set, index }, 'a chunk with wrong bytes')
      gate.ban(peerId, `sent wrong bytes for chunk ${index} of ${set}`)
    } else if (outcome === 'failed') log.debug({ peerId, set, index, err: error }, 'a chunk did not come')
  }

  const startTicking = (): void => {
    if (timer !== undefined) return
    tickedAt = performance.now()
    timer = setInterval(tick, TICK)
  }

  const tick = (): void => {
    const now = performance.now()
    const onTime = now - tickedAt < TICK + TICK_SLACK
    tickedAt = now
    if (waiters.size === 0) {
      clearInterval(timer)
      timer = undefined
      return
    }
    for (const { path, link } of peers.linked()) {
      if (link === undefined) continue
      if (onTime) link.look(scheduler.isShort(path, now))
      Object.assign(path, { rttMs: link.rttMs(), streams: link.chunkStreams() })
    }
    if (onTime) for (const request of scheduler.overdue(now)) aborts.get(request)?.abort(overdue)
    seekUnheld(now)
    wake()
  }

  const seekUnheld = (now: number): void => {
    const unheld = new Set(scheduler.unheld(now))
    for (const [wanted, { want }] of waiters) {
      if (wanted.asked.length > 0) continue
      sets.want(want.set)
      const patience = sets.answered(want.set) ? SEEK_AFTER : SEEK_ANYWAY
      if (now - wanted.since >= patience && unheld.has(wanted)) seek(want.manifest)
    }
  }

  return {
    prepare: (set) => sets.want(set),
    fetch,
    raise: ({ set, index }, priority) => {
      scheduler.raise(set, index, priority)
      wake()
    },
    outlook: (want) => {
      const ms = scheduler.outlook(want, performance.now())
      return ms === undefined ? undefined : ms / SECOND
    },
    wake,
    late: (peerId, bytes) => countReceived(peers.get(peerId), bytes),
    stop: () => {
      stopped = true
      clearInterval(timer)
      for (const { settle } of waiters.values()) settle?.reject(stopping())
    },
  }
}

const stopping = (): MeshError => new MeshError('unreachable', 'this node is stopping')

/** Why a request is given up that nobody needs any more. */
const superseded = new MeshError('unreachable', 'not needed any more')
const overdue = new MeshError('unreachable', 'the chunk did not come in time')

const outcomeOf = (error: unknown): Outcome => {
  if (isMeshError(error, 'bad-bytes')) return 'wrong'
  if (isMeshError(error, 'not-ready') || isMeshError(error, 'denied')) return 'lacks'
  return isMeshError(error, 'busy') ? 'busy' : 'failed'
}
