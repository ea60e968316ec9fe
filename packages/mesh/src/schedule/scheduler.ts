import { type ChunkCaps, MIB, type Priority, PRIORITIES } from '@hubmesh/content'
import { ASKING_BURST, MAX_BACKOFF, MIN_DEADLINE, MIN_GOODPUT, SECOND } from '../limits.ts'
import { createChooser } from './choose.ts'
import { createChunkBuckets } from './chunk-buckets.ts'
import { createDeadlines } from './deadlines.ts'
import { createDelays, createHedgeBudget } from './hedges.ts'
import { type Holdings, createHoldings } from './holdings.ts'
import { type Path, expectedMs, rest, roomOf } from './path.ts'
import { createQuietPaths } from './quiet.ts'
import { createQueue } from './queue.ts'
import { hashOf } from './rendezvous.ts'
import { createSiteShare } from './site-share.ts'
import { type Request, type Want, type Wanted, isAvoided, isComing, isRead, isUrgent, newWanted } from './wants.ts'
import { createWays } from './ways.ts'

/** What came of a request: the chunk, or why not. `lacks`: the peer does not have it after all. */
export type Outcome = 'arrived' | 'cancelled' | 'lacks' | 'busy' | 'wrong' | 'failed'

/**
 * Decides which chunk is asked of whom, when, and when that is over. It does nothing itself: events go in, requests come
 * out, and the clock is an argument (`now`, in ms), so that whole swarms can be simulated with it.
 */
export interface Scheduler {
  /** What others have. `touch` when it has changed. */
  readonly holdings: Holdings
  touch(): void
  /** The peer can be asked, or no more. */
  link(path: Path): void
  unlink(path: Path): void
  want(want: Want, now: number): Wanted
  /** It is here, or not wanted any more. @returns requests that are under way for it all the same */
  drop(want: Wanted): readonly Request[]
  /** It is wanted sooner now. What is on its way already stays on it. */
  raise(set: string, index: number, priority: Priority): void
  /** No faster than these rates is asked, from now on. What was asked for counts, whatever came of it. */
  cap(caps: ChunkCaps): void
  /** What is to be asked for now. It counts as under way until it has ended. */
  next(now: number): Request[]
  /** What has come lies in memory until it is stored: so many bytes more, or fewer. */
  hold(bytes: number): void
  /** Payload has come, also such as was not needed any more. */
  received(path: Path, bytes: number, now: number): void
  /** @param retryMs with `busy`: how long the peer is not to be asked */
  ended(request: Request, outcome: Outcome, now: number, retryMs?: number): void
  /** Requests that are to be given up: nothing comes of them. */
  overdue(now: number): Request[]
  /** Chunks that nobody who is linked can give now. */
  unheld(now: number): Wanted[]
  /** More is wanted than is under way, and the path takes no more. */
  isShort(path: Path, now: number): boolean
  /** When a chunk may be here, in ms; undefined when nobody in reach has it. */
  outlook(want: Omit<Want, 'priority'>, now: number): number | undefined
}

/** A peer that has failed a chunk is not asked for it again so soon. */
const AVOID = 5 * SECOND
/** A request is overdue after so many times its expected duration. */
const DEADLINE_FACTOR = 4
/** However long all that is under way on its path may take, so much longer. */
const END_GRACE = 10 * SECOND
/** Bytes in memory that are not stored above which the disk is behind: then only what is read is asked for, until there are fewer. */
const HELD_HIGH = 8 * MIB
const HELD_LOW = 6 * MIB
/** So often it is looked whether what is under way is better asked of one more, in ms. */
const HELP_MS = 50

export const createScheduler = ({ self: peerId }: { self: string }): Scheduler => {
  const self = { peerId, hash: hashOf(peerId) }
  const paths = new Set<Path>()
  const wants = new Set<Wanted>()
  /** Those of them that are under way. */
  const asked = new Set<Wanted>()
  const holdings = createHoldings()
  const queue = createQueue({ holdings, paths }, { self })
  const share = createSiteShare({ holdings, paths }, { self })
  const hedges = createHedgeBudget()
  const delays = createDelays()
  const quiet = createQuietPaths(asked)
  const ways = createWays({ holdings, quiet })
  const deadlines = createDeadlines({ ways, share })
  const buckets = createChunkBuckets(ASKING_BURST)
  const chooser = createChooser({ holdings, paths, share, hedges, quiet, ways, buckets, self })
  let turns = 0
  let wantedBytes = 0
  let held = 0
  let isBehind = false
  let helpedAt = -Infinity

  const want = (asks: Want, now: number): Wanted => {
    const fresh = newWanted(asks, now, (turns += 1))
    wants.add(fresh)
    wantedBytes += fresh.length
    queue.add(fresh)
    if (fresh.dueMs !== undefined) deadlines.touch()
    return fresh
  }

  const drop = (want: Wanted): readonly Request[] => {
    if (!wants.delete(want)) return []
    wantedBytes -= want.length
    asked.delete(want)
    queue.delete(want)
    return [...want.asked]
  }

  const raise = (set: string, index: number, priority: Priority): void => {
    for (const want of wants) {
      if (want.index !== index || want.set !== set || !isSooner(priority, want.priority)) continue
      queue.delete(want)
      want.priority = priority
      if (want.asked.length === 0) queue.add(want)
    }
  }

  const next = (now: number): Request[] => {
    if (wants.size === 0 || !chooser.look(now, wantedBytes)) return []
    const requests: Request[] = []
    hurry(now)
    const inOrder = queue.inOrder(now)
    for (const want of inOrder) {
      if (!chooser.hasRoomFor(want) || (isBehind && !isRead(want))) break
      const path = chooser.choose(want)
      if (path !== undefined) requests.push(ask(want, path, now))
    }
    for (const { want } of requests) queue.delete(want)
    if (requests.length === 0 && !isBehind && now - helpedAt >= HELP_MS) {
      helpedAt = now
      for (const { want, path } of chooser.takeOver(inOrder)) requests.push(ask(want, path, now))
      for (const { want } of requests) queue.delete(want)
      for (const { want, path } of chooser.help(asked, inOrder)) requests.push(ask(want, path, now))
    }
    return requests
  }

  /** What would come too late for its reader is urgent, for as long as that holds. */
  const hurry = (now: number): void => {
    for (const { want, dueAt } of deadlines.look(now, queue.inOrder(now))) {
      queue.delete(want)
      want.dueAt = dueAt
      queue.add(want)
      if (dueAt < Infinity) share.takeBack(want, now)
    }
  }

  const ask = (want: Wanted, path: Path, now: number): Request => {
    const expected = expectedMs(path, want.length, now)
    const request: Request = {
      want,
      path,
      priority: isUrgent(want) ? 'reader' : want.priority,
      startedAt: now,
      heardBytes: path.heardBytes,
      expectedAt: now + expected,
      lateAt: now + delays.lateAfter(expected),
      deadline: now + Math.max(MIN_DEADLINE, DEADLINE_FACTOR * expected),
      end: now + END_GRACE + ((path.inFlightBytes + want.length) / MIN_GOODPUT) * SECOND,
    }
    want.asked.push(request)
    asked.add(want)
    account(path, want.length, 1, now)
    buckets.take({ priority: want.priority, otherSite: !path.sameSite }, want.length, now)
    chooser.onAsked(path)
    return request
  }

  const account = (path: Path, bytes: number, requests: number, now: number): void => {
    path.inFlightBytes += bytes
    path.inFlight += requests
    path.goodput.busy(path.inFlight, now)
  }

  const ended: Scheduler['ended'] = (request, outcome, now, retryMs = SECOND) => {
    const { want, path, startedAt, expectedAt } = request
    want.asked.splice(want.asked.indexOf(request), 1)
    account(path, -want.length, -1, now)
    if (want.asked.length === 0 && asked.delete(want) && outcome !== 'arrived') queue.add(want)
    if (outcome === 'cancelled') return
    if (outcome === 'arrived') {
      path.failures = 0
      if (want.left?.to === path) path.lapses = 0
      delays.add(now - startedAt, expectedAt - startedAt)
      return
    }
    want.avoid.set(path, now + AVOID)
    if (outcome === 'lacks') holdings.lose(path, want.set, want.index)
    else if (outcome === 'busy') path.restUntil = Math.max(path.restUntil, now + Math.min(retryMs, MAX_BACKOFF))
    else if (outcome === 'failed') rest(path, now)
  }

  const overdue = (now: number): Request[] =>
    [...asked]
      .flatMap(({ asked }) => asked)
      .filter((request) => now > request.end || (now > request.deadline && !isComing(request, now, MIN_DEADLINE)))

  const unheld = (now: number): Wanted[] =>
    [...wants].filter(
      (want) =>
        want.asked.length === 0 &&
        !holdings
          .of(want.set)
          .entries()
          .some(([path, { bitmap }]) => path.restUntil <= now && bitmap.has(want.index) && !isAvoided(want, path, now)),
    )

  const outlook: Scheduler['outlook'] = ({ set, index, length }, now) => {
    const same = [...wants].filter((want) => want.index === index && want.set === set).flatMap(({ asked }) => asked)
    if (same.length > 0) return Math.max(0, Math.min(...same.map(({ expectedAt }) => expectedAt - now)))
    const holders = [...holdings.of(set)].filter(([, { bitmap }]) => bitmap.has(index))
    if (holders.length === 0) return undefined
    return Math.min(
      ...holders.map(([path]) => {
        const due = buckets.due({ priority: 'reader', otherSite: !path.sameSite }, now)
        return expectedMs(path, length, now) + Math.max(0, path.restUntil - now, due)
      }),
    )
  }

  return {
    holdings,
    touch: () => queue.touch(),
    link: (path) => void paths.add(path),
    unlink: (path) => {
      paths.delete(path)
      holdings.leave(path)
      queue.touch()
    },
    want,
    drop,
    raise,
    cap: (caps) => buckets.cap(caps),
    next,
    hold: (bytes) => {
      held += bytes
      isBehind = held >= HELD_HIGH || (isBehind && held > HELD_LOW)
    },
    received: (path, bytes, now) => {
      path.goodput.received(bytes, now)
      if (!path.sameSite) hedges.received(bytes)
    },
    ended,
    overdue,
    unheld,
    isShort: (path, now) => path.inFlight > 0 && roomOf(path, now) !== 'enough' && wants.size > asked.size && !isBehind,
    outlook,
  }
}

const isSooner = (a: Priority, b: Priority): boolean => PRIORITIES.indexOf(a) < PRIORITIES.indexOf(b)
