import {
  type ChunkSource,
  type ChunkWant,
  type FetchedChunk,
  type Log,
  type Meter,
  MeshError,
  PRIORITIES,
  type Priority,
  isMeshError,
  verify,
} from '@hubmesh/content'
import {
  FIRST_BACKOFF,
  LET_DOWN_FOR,
  MAX_BACKOFF,
  MAX_LAPSES,
  MIN_DEADLINE,
  MIN_GOODPUT,
  SECOND,
  TICK,
} from '../limits.ts'
import type { Gate } from '../node/gate.ts'
import type { Peer, Peers } from '../peers.ts'
import type { RemoteSets } from './remote-sets.ts'
import {
  type Assignment,
  type SchedulerPeer,
  type SchedulerWant,
  assign,
  createHedgeBudget,
  expectedMs,
  lateAfter,
} from './scheduler.ts'

export interface ChunkFetcherComponents {
  readonly peers: Peers
  readonly gate: Gate
  readonly sets: RemoteSets
  readonly meter: Meter
  readonly log: Log
  /** Nobody connected has a chunk of this manifest: look further. Called often. */
  readonly seek: (manifest: ChunkWant['manifest']) => void
}

export interface ChunkFetcher extends ChunkSource {
  /** Something has changed: a peer came or went, or told what it has. */
  wake(): void
  /** Counts payload that came after it was cancelled. */
  readonly late: (peerId: string, bytes: number) => void
  /** Whoever waits for a chunk is told so. */
  stop(): void
}

/** A chunk that a caller waits for. */
interface Wanted extends SchedulerWant {
  readonly want: ChunkWant
  priority: Priority
  readonly since: number
  readonly asked: Request[]
  readonly avoid: Set<string>
  avoidUntil: number
  readonly resolve: (chunk: FetchedChunk) => void
  readonly reject: (error: Error) => void
}

interface Request {
  readonly peer: string
  readonly abort: AbortController
  readonly startedAt: number
  /** What the peer had sent by then, of whatever. */
  readonly heardBytes: number
  readonly expectedAt: number
  readonly lateAt: number
  /** Over when this is past and no bytes come, or too few. */
  readonly deadline: number
  /** Over, however slowly bytes come. */
  readonly end: number
}

/** A peer that has failed a chunk is not asked for it again so soon. */
const AVOID = 5 * SECOND
/** A request is overdue after so many times its expected duration. */
const DEADLINE_FACTOR = 4
/** Before the DHT is asked, connected peers may take so long to say what they have. */
const SEEK_AFTER = 300
const SEEK_ANYWAY = 2 * SECOND
/** A tick that comes later than this tells of a busy process, not of silent peers. */
const TICK_SLACK = 500

export const createChunkFetcher = (
  components: ChunkFetcherComponents,
  { site, self }: { site: string; self: string },
): ChunkFetcher => {
  const { peers, gate, sets, meter, log, seek } = components
  const wanted = new Set<Wanted>()
  const load = new Map<string, { bytes: number; requests: number }>()
  const hedges = createHedgeBudget()
  let queued = false
  let timer: NodeJS.Timeout | undefined
  let tickedAt = 0
  let stopped = false

  const fetch: ChunkSource['fetch'] = async (want, { priority, signal }) => {
    signal.throwIfAborted()
    if (stopped) throw stopping()
    const { promise, resolve, reject } = Promise.withResolvers<FetchedChunk>()
    const entry = newWanted(want, priority, { resolve, reject })
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
    wanted.add(entry)
    sets.want(want.set)
    wake()
    startTicking()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
      wanted.delete(entry)
      for (const { abort } of entry.asked) abort.abort(superseded)
    }
  }

  /** Many things change in one turn of the event loop: they are looked at once, in the next. */
  const wake = (): void => {
    if (queued || wanted.size === 0) return
    queued = true
    setImmediate(() => {
      queued = false
      const options = { self, now: performance.now(), hedges }
      for (const assignment of assign(wanted, schedulerPeers(), options)) void request(assignment)
    })
  }

  const schedulerPeers = (): SchedulerPeer[] => peers.linked().map(toSchedulerPeer)

  const toSchedulerPeer = (peer: Peer): SchedulerPeer => {
    const now = performance.now()
    const { bytes = 0, requests = 0 } = load.get(peer.peerId) ?? {}
    return {
      id: peer.peerId,
      sameSite: peer.site === site,
      rttMs: peer.link?.rttMs() ?? 0,
      goodput: peer.goodput.estimate(now),
      inFlightBytes: bytes,
      inFlight: requests,
      resting: peer.restUntil > now || peer.link === undefined,
      has: (set, index) => sets.has(peer.peerId, set as ChunkWant['set'], index),
      isFetching: (set) => peer.letDownUntil <= now && sets.isFetching(peer.peerId, set as ChunkWant['set']),
    }
  }

  const request = async (assignment: Assignment<Wanted>): Promise<void> => {
    const { want: entry, peer: peerId, expectedMs, leftInVainTo } = assignment
    if (leftInVainTo !== undefined) onLapse(peers.get(leftInVainTo))
    const peer = peers.get(peerId)
    const { want } = entry
    const current = newRequest(peer, expectedMs, (load.get(peerId)?.bytes ?? 0) + want.length)
    entry.asked.push(current)
    account(peer, want.length, 1)
    try {
      if (peer.link === undefined) throw new MeshError('unreachable', 'the peer is gone')
      const parts = await peer.link.chunk({ ...want, priority: entry.priority }, current.abort.signal)
      take(entry, peer, parts)
    } catch (error) {
      if (error !== superseded) onFailure(entry, peer, error)
    } finally {
      entry.asked.splice(entry.asked.indexOf(current), 1)
      account(peer, -want.length, -1)
      wake()
    }
  }

  const take = (entry: Wanted, peer: Peer, parts: readonly Uint8Array[]): void => {
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    const sameSite = peer.site === site
    countReceived(peer, length)
    const bytes = verify(parts, entry.want.sha256)
    meter.add('verifiedChunks', 1)
    peer.failures = 0
    if (entry.left?.to === peer.peerId) peer.lapses = 0
    entry.resolve({ bytes, from: peer.peerId, sameSite })
  }

  const countReceived = (peer: Peer, length: number): void => {
    peer.bytesIn += length
    peer.goodput.received(length, performance.now())
    if (peer.site !== site) hedges.received(length)
    meter.add(peer.site === site ? 'siteBytes' : 'wanBytes', length)
  }

  const onFailure = (entry: Wanted, peer: Peer, error: unknown): void => {
    const now = performance.now()
    const { peerId } = peer
    const { set, index } = entry.want
    entry.avoid.add(peerId)
    entry.avoidUntil = now + AVOID
    if (isMeshError(error, 'bad-bytes')) {
      meter.add('rejectedChunks', 1)
      log.warn({ peerId, set, index, sha256: entry.want.sha256 }, 'a chunk with wrong bytes')
      gate.ban(peerId, `sent wrong bytes for chunk ${index} of ${set}`)
    } else if (isMeshError(error, 'not-ready') || isMeshError(error, 'denied')) {
      sets.lacks(peerId, set, index)
    } else if (isMeshError(error, 'busy')) {
      peer.restUntil = Math.max(peer.restUntil, now + Math.min((error.retryAfter ?? 1) * SECOND, MAX_BACKOFF))
    } else {
      log.debug({ peerId, set, index, err: error }, 'a chunk did not come')
      rest(peer, now)
    }
  }

  /** All that was under way fails at once when a stream breaks: that is one failure. */
  const rest = (peer: Peer, now: number): void => {
    if (peer.restUntil > now) return
    peer.restUntil = now + Math.min(FIRST_BACKOFF * 2 ** peer.failures, MAX_BACKOFF)
    peer.failures += 1
  }

  /** One that merely is a little late goes on bringing in its part; one that brings in nothing is soon known. */
  const onLapse = (peer: Peer): void => {
    peer.lapses += 1
    if (peer.lapses < MAX_LAPSES) return
    peer.lapses = 0
    peer.letDownUntil = performance.now() + LET_DOWN_FOR
  }

  const account = (peer: Peer, bytes: number, requests: number): void => {
    const before = load.get(peer.peerId) ?? { bytes: 0, requests: 0 }
    const after = { bytes: before.bytes + bytes, requests: before.requests + requests }
    if (after.requests === 0) load.delete(peer.peerId)
    else load.set(peer.peerId, after)
    peer.goodput.busy(after.requests, performance.now())
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
    if (wanted.size === 0) {
      clearInterval(timer)
      timer = undefined
      return
    }
    for (const entry of wanted) {
      if (entry.avoidUntil <= now) entry.avoid.clear()
      if (onTime) for (const current of entry.asked) endOverdue(current, now)
      if (entry.asked.length === 0) seekIfNeeded(entry, now)
    }
    wake()
  }

  const endOverdue = (current: Request, now: number): void => {
    if (now > current.end || (now > current.deadline && !isComing(current, now)))
      current.abort.abort(new MeshError('unreachable', 'the chunk did not come in time'))
  }

  /** Told by all that comes from the peer: of a chunk, a stream shows nothing before all of it is here. */
  const isComing = ({ peer, startedAt, heardBytes }: Request, now: number): boolean => {
    const heard = peers.get(peer)
    const isQuiet = now - heard.heardAt > MIN_DEADLINE
    return !isQuiet && heard.heardBytes - heardBytes > (MIN_GOODPUT * (now - startedAt)) / SECOND
  }

  const seekIfNeeded = ({ want, since, avoid }: Wanted, now: number): void => {
    sets.want(want.set)
    const patience = sets.answered(want.set) ? SEEK_AFTER : SEEK_ANYWAY
    if (now - since < patience) return
    const canGive = ({ peerId, restUntil }: Peer): boolean =>
      restUntil <= now && !avoid.has(peerId) && sets.has(peerId, want.set, want.index)
    if (!peers.linked().some(canGive)) seek(want.manifest)
  }

  const raise: ChunkSource['raise'] = (want, priority) => {
    for (const entry of wanted) {
      if (!isSame(entry.want, want) || !isSooner(priority, entry.priority)) continue
      entry.priority = priority
      if (entry.asked.length === 0) wake()
    }
  }

  const outlook: ChunkSource['outlook'] = (want) => {
    const now = performance.now()
    const underWay = [...wanted].filter((entry) => isSame(entry.want, want)).flatMap(({ asked }) => asked)
    if (underWay.length > 0)
      return Math.max(0, Math.min(...underWay.map(({ expectedAt }) => expectedAt - now))) / SECOND
    const holders = peers.linked().filter(({ peerId }) => sets.has(peerId, want.set, want.index))
    if (holders.length === 0) return undefined
    const delays = holders.map(
      (peer) => expectedMs(toSchedulerPeer(peer), want.length) + Math.max(0, peer.restUntil - now),
    )
    return Math.min(...delays) / SECOND
  }

  return {
    prepare: (set) => sets.want(set),
    fetch,
    raise,
    outlook,
    wake,
    late: (peerId, bytes) => countReceived(peers.get(peerId), bytes),
    stop: () => {
      stopped = true
      clearInterval(timer)
      for (const { reject } of wanted) reject(stopping())
    },
  }
}

const stopping = (): MeshError => new MeshError('unreachable', 'this node is stopping')

/** Why a request is given up that nobody needs any more. */
const superseded = new MeshError('unreachable', 'not needed any more')

const newWanted = (want: ChunkWant, priority: Priority, settle: Pick<Wanted, 'resolve' | 'reject'>): Wanted => ({
  want,
  set: want.set,
  index: want.index,
  length: want.length,
  priority,
  since: performance.now(),
  asked: [],
  avoid: new Set(),
  avoidUntil: 0,
  ...settle,
})

const newRequest = (peer: Peer, expected: number, underWay: number): Request => {
  const now = performance.now()
  return {
    peer: peer.peerId,
    abort: new AbortController(),
    startedAt: now,
    heardBytes: peer.heardBytes,
    expectedAt: now + expected,
    lateAt: now + lateAfter(expected),
    deadline: now + Math.max(MIN_DEADLINE, DEADLINE_FACTOR * expected),
    end: now + 10 * SECOND + (underWay / MIN_GOODPUT) * SECOND,
  }
}

const isSooner = (a: Priority, b: Priority): boolean => PRIORITIES.indexOf(a) < PRIORITIES.indexOf(b)

const isSame = (a: ChunkWant, b: ChunkWant): boolean => a.set === b.set && a.index === b.index
