import { KIB, MAX_CHUNK_BYTES, MIB, type Priority, PRIORITIES } from '@hubmesh/content'
import { MAX_REQUESTS_PER_PEER, SECOND } from '../limits.ts'
import { responsibleFor } from './rendezvous.ts'

/**
 * Which chunk is asked of whom. What is known goes in, assignments come out, and the clock is an argument, so that
 * whole swarms can be simulated. Times are milliseconds, rates bytes a second.
 */

/** A peer as the scheduler sees it. It is changed by `assign`: what is assigned is under way. */
export interface SchedulerPeer {
  readonly id: string
  /** It stands at our site: what it gives costs nothing. */
  readonly sameSite: boolean
  readonly rttMs: number
  /** Undefined while nothing was measured. */
  readonly goodput: number | undefined
  inFlightBytes: number
  inFlight: number
  /** It is not to be asked now: busy, silent, or broken off a moment ago. */
  readonly resting: boolean
  has(set: string, index: number): boolean
  /** It gets chunks of the set for itself. */
  isFetching(set: string): boolean
}

/** A wanted chunk, and who is asked for it already. What `assign` leaves to another is noted in it. */
export interface SchedulerWant {
  readonly set: string
  readonly index: number
  readonly length: number
  readonly priority: Priority
  /** Requests under way. */
  readonly asked: readonly { readonly peer: string; readonly lateAt: number }[]
  /** Peers that have failed it lately. */
  readonly avoid: ReadonlySet<string>
  /** Another node of our site brings it in, for both; until then it is waited for. */
  left?: { readonly to: string; readonly until: number }
}

export interface Assignment<Want extends SchedulerWant = SchedulerWant> {
  readonly want: Want
  readonly peer: string
  /** When the chunk is expected. */
  readonly expectedMs: number
  /** It is asked of somebody else already, who is late. */
  readonly hedge: boolean
  /** A node of our site to which it was left, and which did not bring it in. */
  readonly leftInVainTo?: string
}

/** Bounds of what is under way to one peer; between them, twice what its path holds. */
const MIN_WINDOW = 2 * MIB
const MAX_WINDOW = 16 * MIB
/** What may be under way to a peer of which nothing is known: little is lost if it is silent. */
const FIRST_WINDOW = 512 * KIB
/** Part of a window below which it is filled up again; readers' chunks do not wait for that. */
const LOW_PART = 0.75
/** Under this rate one chunk is asked at a time, so that a reader's never waits behind others. */
const SLOW_PATH = 128 * KIB
/** What an unmeasured peer is taken for once something is under way to it. */
const UNMEASURED = MIB
/** Requests of one chunk at a time. */
const MAX_ASKED = 2
/** A request is late after so many times its expected duration, but not before `MIN_LATE`. */
const LATE_FACTOR = 3
const MIN_LATE = 500
/** What is left to another node of the site is waited for so many times as long as it would take to get it oneself. */
const LEAVE_FACTOR = 3
const MIN_LEAVE = 250
const MAX_LEAVE = 20 * SECOND
/** Part of what comes from other sites that may come twice, and bytes of it that may gather: a chunk can always be helped out. */
const TWICE_PART = 0.01
const TWICE_AT_ONCE = MAX_CHUNK_BYTES

/** What may be asked twice across sites. Who is silent is not waited for in any case: its requests end, and are asked anew. */
export interface HedgeBudget {
  /** More has come from other sites. */
  received(bytes: number): void
  /** False when so much may not be asked twice now. */
  take(bytes: number): boolean
}

export const createHedgeBudget = (): HedgeBudget => {
  let spare = TWICE_AT_ONCE
  return {
    received: (bytes) => {
      spare = Math.min(TWICE_AT_ONCE, spare + bytes * TWICE_PART)
    },
    take: (bytes) => {
      if (bytes > spare) return false
      spare -= bytes
      return true
    },
  }
}

/**
 * Readers come first, then what is ahead of them, then the rest; within that, who came first. Each goes to the peer from
 * which it is expected soonest, even if that one has no room now: waiting for it is sooner than the next best. A peer of the
 * same site wins over any other. What several nodes of a site fetch at once each brings in a part of, and gets the rest from
 * the others. Who is late is helped out by one more peer, as far as the budget goes.
 */
export const assign = <Want extends SchedulerWant>(
  wants: Iterable<Want>,
  peers: readonly SchedulerPeer[],
  { self, now, hedges }: { self: string; now: number; hedges: HedgeBudget },
): Assignment<Want>[] => {
  const assignments: Assignment<Want>[] = []
  const refilled = new Set(peers.filter(isLow))
  const mayAsk = (peer: SchedulerPeer, { priority }: Want): boolean =>
    hasRoom(peer) && (priority === 'reader' || refilled.has(peer))
  for (const want of byPriority(wants)) {
    if (!peers.some((peer) => mayAsk(peer, want))) break
    const late = want.asked.every(({ lateAt }) => lateAt <= now)
    if (!late || want.asked.length >= MAX_ASKED) continue
    const hedge = want.asked.length > 0
    const best = bestPeer(want, peers, hedge)
    if (best === undefined || !mayAsk(best, want)) continue
    const expected = expectedMs(best, want.length)
    const other = best.sameSite || hedge ? undefined : otherResponsible(want, peers, self)
    if (other !== undefined && isLeftTo(other, want, { now, expected })) continue
    if (hedge && !best.sameSite && !hedges.take(want.length)) continue
    const leftInVainTo = other === undefined ? {} : { leftInVainTo: other }
    assignments.push({ want, peer: best.id, expectedMs: expected, hedge, ...leftInVainTo })
    best.inFlightBytes += want.length
    best.inFlight += 1
  }
  return assignments
}

/** Another node of our site which is to bring the chunk in. A reader's is nobody else's. */
const otherResponsible = (
  { set, index, priority }: SchedulerWant,
  peers: readonly SchedulerPeer[],
  self: string,
): string | undefined => {
  if (priority === 'reader') return undefined
  const others = peers.filter((peer) => peer.sameSite && !peer.resting && peer.isFetching(set)).map(({ id }) => id)
  const responsible = others.length === 0 ? self : responsibleFor(index, [self, ...others])
  return responsible === self ? undefined : responsible
}

/** True while it is waited for. Whoever takes over from one that has gone gets no longer. */
const isLeftTo = (
  other: string,
  want: SchedulerWant,
  { now, expected }: { now: number; expected: number },
): boolean => {
  const patience = Math.min(MAX_LEAVE, Math.max(MIN_LEAVE, LEAVE_FACTOR * expected))
  want.left = { to: other, until: want.left?.until ?? now + patience }
  return now < want.left.until
}

/** When a request that is expected to take so long is late. */
export const lateAfter = (expectedMs: number): number => Math.max(MIN_LATE, LATE_FACTOR * expectedMs)

/** The expected time until a chunk is here: the round trip, then all that is under way and the chunk itself. */
export const expectedMs = (peer: SchedulerPeer, length: number): number => {
  const transfer = ((peer.inFlightBytes + length) / (peer.goodput ?? UNMEASURED)) * SECOND
  // One that was never measured is worth one try: it may be the fastest.
  return peer.rttMs + (peer.goodput === undefined && peer.inFlight === 0 ? 0 : transfer)
}

/** True when one more chunk may be asked of the peer. */
const hasRoom = (peer: SchedulerPeer): boolean => {
  if (peer.resting || peer.inFlight >= MAX_REQUESTS_PER_PEER) return false
  if (peer.goodput !== undefined && peer.goodput < SLOW_PATH) return peer.inFlight === 0
  return peer.inFlightBytes < windowOf(peer)
}

/** Several are asked for at once, when a part of the window is free: one at a time is a message and a system call for each. */
const isLow = (peer: SchedulerPeer): boolean => peer.inFlightBytes <= LOW_PART * windowOf(peer)

const windowOf = ({ goodput, rttMs }: SchedulerPeer): number =>
  goodput === undefined ? FIRST_WINDOW : Math.min(MAX_WINDOW, Math.max(MIN_WINDOW, (2 * goodput * rttMs) / SECOND))

/** A hedge goes to who can take it now: it is late already. */
const bestPeer = (want: SchedulerWant, peers: readonly SchedulerPeer[], hedge: boolean): SchedulerPeer | undefined => {
  let best: SchedulerPeer | undefined
  let bestCost = Infinity
  for (const peer of peers) {
    if (peer.resting || (hedge && !hasRoom(peer))) continue
    if (want.avoid.has(peer.id) || want.asked.some((request) => request.peer === peer.id)) continue
    if (best?.sameSite === true && !peer.sameSite) continue
    if (!peer.has(want.set, want.index)) continue
    const cost = expectedMs(peer, want.length)
    if (cost >= bestCost && !(peer.sameSite && best?.sameSite === false)) continue
    best = peer
    bestCost = cost
  }
  return best
}

const byPriority = function* <Want extends SchedulerWant>(wants: Iterable<Want>): Generator<Want> {
  const all = [...wants]
  for (const priority of PRIORITIES) for (const want of all) if (want.priority === priority) yield want
}
