import { MAX_LAPSES, SECOND } from '../limits.ts'
import type { Holdings } from './holdings.ts'
import { type Path, expectedMs, onLapse } from './path.ts'
import { type Member, isBefore } from './rendezvous.ts'
import type { Wanted } from './wants.ts'

/** What has to come from outside is split among the nodes of a site that fetch it at once, and each passes its part on. */
export interface SiteShare {
  /** A node of our site that is to bring the chunk in. */
  responsible(want: Wanted, now: number): Path | undefined
  /** True while it is waited for; `expected` is what it would take to get it oneself, in ms. */
  isLeftTo(mate: Path, want: Wanted, now: number, expected: number): boolean
  /**
   * How long the chunk may take by way of a mate, in ms: as long as such have taken of late, or as it would take oneself. One
   * that has taken longer already is taken to need as long again as it is late.
   */
  expectedMs(mate: Path, want: Wanted, now: number, expected: number): number
  /** A node of our site has the chunk. */
  found(mate: Path, want: Wanted, now: number): void
  /**
   * How many chunks stay with it though another has nothing else to do: who fetched them too would only bring them in twice.
   * @param expected what it would take to get one oneself, in ms
   */
  kept(mate: Path, expected: number): number
  /** It cannot be waited for any longer. */
  takeBack(want: Wanted, now: number): void
}

/** One that brings in nothing for so many times as long as it would take oneself is waited for no longer. */
const LEAVE_FACTOR = 3
const MIN_LEAVE = SECOND
const MAX_LEAVE = 20 * SECOND
/**
 * One that brings in a chunk in no more than so many times what it would take oneself keeps all: the nodes of a site share its
 * line, and have more of it as soon as one is done. Of one that is slower stays what it brings in within so many ms, and as
 * much at least as tells whether it lets us down: it has asked for that already.
 */
const SLOWER = 3
const KEPT_MS = 3 * SECOND
/** Part of the last interval in that between its chunks. */
const SMOOTHING = 0.1
/** What was brought in slowest counts; each that came sooner takes that part off. And how long that says something. */
const BRING_DECAY = 0.1
const BRING_STALE = 30 * SECOND

export const createSiteShare = (
  { holdings, paths }: { holdings: Holdings; paths: ReadonlySet<Path> },
  { self }: { self: Member },
): SiteShare => {
  const isMate = (path: Path, set: string, now: number): boolean =>
    path.sameSite && path.restUntil <= now && path.letDownUntil <= now && holdings.isFetching(path, set, now)

  return {
    responsible: ({ set, index }, now) => {
      let first: Path | undefined
      for (const path of paths) if (isMate(path, set, now) && isBefore(path, first ?? self, index)) first = path
      return first
    },
    isLeftTo: (mate, want, now, expected) => {
      want.left = { to: mate, since: want.left?.since ?? now, isBrought: false } // who takes over from one that has gone gets no longer
      const patience = Math.min(MAX_LEAVE, Math.max(MIN_LEAVE, LEAVE_FACTOR * expected))
      if (now - Math.max(want.left.since, mate.broughtAt) < patience) return true
      onLapse(mate, now)
      return false
    },
    expectedMs: (mate, want, now, expected) => {
      const took = isKnown(mate, now) ? mate.bringMs : expected
      const waited = now - (want.left?.since ?? now)
      return Math.abs(took - waited) + expectedMs(mate, want.length, now)
    },
    found: (mate, want, now) => {
      const { left } = want
      if (left?.to !== mate) return
      const interval = now - Math.max(left.since, mate.broughtAt)
      mate.broughtAt = now
      if (left.isBrought) return
      want.left = { ...left, isBrought: true }
      mate.bringsEach = (mate.bringsEach ?? interval) * (1 - SMOOTHING) + interval * SMOOTHING
      const took = now - left.since
      const before = isKnown(mate, now) ? mate.bringMs : took
      measured(mate, Math.max(took, before + BRING_DECAY * (took - before)), now)
    },
    takeBack: ({ left }, now) => {
      if (left === undefined || left.isBrought) return
      const waited = now - left.since
      if (!isKnown(left.to, now) || waited > left.to.bringMs) measured(left.to, waited, now) // it takes that long at least
    },
    kept: ({ bringsEach = 0 }, expected) =>
      bringsEach <= SLOWER * expected ? Infinity : Math.max(MAX_LAPSES, KEPT_MS / bringsEach),
  }
}

const isKnown = ({ bringMeasuredAt }: Path, now: number): boolean => bringMeasuredAt > now - BRING_STALE

const measured = (mate: Path, bringMs: number, now: number): void =>
  void Object.assign(mate, { bringMs, bringMeasuredAt: now })
