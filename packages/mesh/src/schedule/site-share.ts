import { MAX_LAPSES, SECOND } from '../limits.ts'
import type { Holdings } from './holdings.ts'
import { type Path, onLapse } from './path.ts'
import { type Member, isBefore } from './rendezvous.ts'
import type { Wanted } from './wants.ts'

/** What has to come from outside is split among the nodes of a site that fetch it at once, and each passes its part on. */
export interface SiteShare {
  /** A node of our site that is to bring the chunk in. A reader's is nobody else's. */
  responsible(want: Wanted, now: number): Path | undefined
  /** True while it is waited for; `expected` is what it would take to get it oneself, in ms. */
  isLeftTo(mate: Path, want: Wanted, now: number, expected: number): boolean
  /** A node of our site has the chunk. */
  found(mate: Path, want: Wanted, now: number): void
  /** How many chunks it may be about to bring in: who fetched them too would only bring them in twice. */
  kept(mate: Path): number
}

/** One that brings in nothing for so many times as long as it would take oneself is waited for no longer. */
const LEAVE_FACTOR = 3
const MIN_LEAVE = SECOND
const MAX_LEAVE = 20 * SECOND
/** What it brings in within so many ms stays with it, and as much at least as tells whether it lets us down: it has asked for that already. */
const KEPT_MS = 3 * SECOND
/** Part of the last interval in that between its chunks. */
const SMOOTHING = 0.1

export const createSiteShare = (
  { holdings, paths }: { holdings: Holdings; paths: ReadonlySet<Path> },
  { self }: { self: Member },
): SiteShare => {
  const isMate = (path: Path, set: string, now: number): boolean =>
    path.sameSite && path.restUntil <= now && path.letDownUntil <= now && holdings.isFetching(path, set, now)

  return {
    responsible: ({ set, index, priority }, now) => {
      if (priority === 'reader') return undefined
      let first: Path | undefined
      for (const path of paths) if (isMate(path, set, now) && isBefore(path, first ?? self, index)) first = path
      return first
    },
    isLeftTo: (mate, want, now, expected) => {
      want.left = { to: mate, since: want.left?.since ?? now, brought: false } // who takes over from one that has gone gets no longer
      const patience = Math.min(MAX_LEAVE, Math.max(MIN_LEAVE, LEAVE_FACTOR * expected))
      if (now - Math.max(want.left.since, mate.broughtAt) < patience) return true
      onLapse(mate, now)
      return false
    },
    found: (mate, { left }, now) => {
      if (left?.to !== mate || left.brought) return
      left.brought = true
      const interval = now - Math.max(left.since, mate.broughtAt)
      mate.bringsEach = (mate.bringsEach ?? interval) * (1 - SMOOTHING) + interval * SMOOTHING
      mate.broughtAt = now
    },
    kept: ({ bringsEach }) => (bringsEach === undefined ? Infinity : Math.max(MAX_LAPSES, KEPT_MS / bringsEach)),
  }
}
