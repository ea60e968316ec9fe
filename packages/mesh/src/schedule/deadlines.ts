import type { Path } from './path.ts'
import type { SiteShare } from './site-share.ts'
import { type Wanted, isAtRisk, isRead, isUrgent } from './wants.ts'
import { type Ways, soonestOfAll } from './ways.ts'

/**
 * What is read ahead has time until its reader is there. A chunk is at risk when it would come later than that by the way it
 * normally goes, and another way brings it in time: then it is asked for as if its reader waited for it already. What nobody
 * can bring in time is not: a reader who takes all as fast as it comes would have everything copied across sites for nothing.
 */
export interface Deadlines {
  /** A chunk with a due time is wanted: the next look is not put off. */
  touch(): void
  /** @param waiting in the order of asking. @returns what is at risk now and was not, or the other way round */
  look(now: number, waiting: readonly Wanted[]): Change[]
}

export interface Change {
  readonly want: Wanted
  readonly dueAt: number
}

interface Components {
  readonly ways: Ways
  readonly share: SiteShare
}

/** So often it is looked what is at risk, in ms. */
const LOOK_MS = 50

export const createDeadlines = ({ ways, share }: Components): Deadlines => {
  let touched = false
  let lookedAt = -Infinity

  /** As if nothing were at risk. */
  const normalMs = (want: Wanted, before: Map<Path, number>, now: number): number | undefined => {
    const near = ways.soonest(want, ({ sameSite }) => sameSite, before)
    const way = near ?? soonestOfAll(ways, want, before)
    if (way === undefined) return undefined
    const mate = near === undefined && want.priority !== 'reader' ? share.responsible(want, now) : undefined
    if (mate !== undefined) return share.expectedMs(mate, want, now, way.ms)
    add(before, way.path, want.length)
    return way.ms
  }

  /** What is late by the way it normally goes, the soonest due first; what a reader waits for is due before all. */
  const late = (read: readonly Wanted[], now: number): Late[] => {
    const found: Late[] = []
    const before = new Map<Path, number>()
    for (const want of read) {
      const ms = normalMs(want, before, now)
      const due = want.priority === 'reader' ? 0 : (want.dueMs?.() ?? Infinity)
      if (ms !== undefined && ms > due) found.push({ want, due })
    }
    return found.toSorted((a, b) => a.due - b.due)
  }

  const atRisk = (read: readonly Wanted[], now: number): ReadonlyMap<Wanted, number> => {
    const found = new Map<Wanted, number>()
    const before = new Map<Path, number>()
    for (const { want, due } of late(read, now)) {
      const way = soonestOfAll(ways, want, before)
      if (way === undefined || !(isUrgent(want) || way.ms <= due)) continue
      add(before, way.path, want.length)
      if (want.priority !== 'reader') found.set(want, now + due)
    }
    return found
  }

  return {
    touch: () => {
      touched = true
    },
    look: (now, waiting) => {
      if (!touched && now - lookedAt < LOOK_MS) return []
      touched = false
      lookedAt = now
      const read = inReadingOrder(waiting)
      if (!read.some((want) => isAtRisk(want) || (want.dueMs?.() ?? Infinity) < Infinity)) return []
      const found = atRisk(read, now)
      return read
        .filter((want) => want.priority !== 'reader' && found.has(want) !== isAtRisk(want))
        .map((want) => ({ want, dueAt: found.get(want) ?? Infinity }))
    },
  }
}

interface Late {
  readonly want: Wanted
  /** In ms from now. */
  readonly due: number
}

const inReadingOrder = (waiting: readonly Wanted[]): Wanted[] => {
  const end = waiting.findIndex((want) => !isRead(want))
  const isAhead = ({ priority }: Wanted): number => (priority === 'reader' ? 0 : 1)
  return waiting.slice(0, end < 0 ? undefined : end).toSorted((a, b) => isAhead(a) - isAhead(b) || a.turn - b.turn)
}

const add = (bytes: Map<Path, number>, path: Path, length: number): void =>
  void bytes.set(path, (bytes.get(path) ?? 0) + length)
