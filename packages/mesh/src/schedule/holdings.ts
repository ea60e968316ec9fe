import type { Bitmap } from '@hubmesh/content'
import { FETCHING_FOR, JUST_OPENED, MAX_OPEN_SETS } from '../limits.ts'
import type { Path } from './path.ts'

/** What other nodes have of chunk sets, as they say: it is believed until they do not give it. */
export interface Holdings {
  /** All that the peer has of a set; undefined when it does not know the set. The bitmap is kept, and changed. */
  tell(path: Path, set: string, bitmap: Bitmap | undefined, now: number): void
  /** The peer has got more of it. False when it never said what it has, or the index is outside of that. */
  gain(path: Path, set: string, indexes: readonly number[], now: number): boolean
  /** It did not have it after all. */
  lose(path: Path, set: string, index: number): void
  /** Who has said what it has of the set. */
  of(set: string): ReadonlyMap<Path, Holding>
  /** A peer wants chunks of a set: it has opened it here. */
  open(path: Path, set: string, now: number): void
  /** It gets chunks of the set itself: it has opened it just now, or told of another chunk not long ago. */
  isFetching(path: Path, set: string, now: number): boolean
  forget(set: string): void
  /** The peer is gone. */
  leave(path: Path): void
}

export interface Holding {
  readonly bitmap: Bitmap
  /** When it last told of a chunk. */
  grewAt: number
}

const NOBODY: ReadonlyMap<Path, Holding> = new Map()

export const createHoldings = (): Holdings => {
  const sets = new Map<string, Map<Path, Holding>>()
  /** When it opened a set here; the latest last. */
  const opened = new Map<Path, Map<string, number>>()
  const holding = (path: Path, set: string): Holding | undefined => sets.get(set)?.get(path)

  return {
    tell: (path, set, bitmap, now) => {
      const holders = sets.get(set) ?? new Map<Path, Holding>()
      sets.set(set, holders)
      if (bitmap === undefined) holders.delete(path)
      else holders.set(path, { bitmap, grewAt: now })
    },
    gain: (path, set, indexes, now) => {
      const known = holding(path, set)
      if (known === undefined || indexes.some((index) => index >= known.bitmap.length)) return false
      for (const index of indexes) known.bitmap.set(index)
      known.grewAt = now
      return true
    },
    lose: (path, set, index) => {
      const known = holding(path, set)
      if (known === undefined) return
      known.bitmap.clear(index)
      known.grewAt = -Infinity // what it has not got it need not be fetching
    },
    of: (set) => sets.get(set) ?? NOBODY,
    open: (path, set, now) => {
      const times = opened.get(path) ?? new Map<string, number>()
      opened.set(path, times)
      times.delete(set)
      times.set(set, now)
      const [oldest] = times.keys()
      if (oldest !== undefined && times.size > MAX_OPEN_SETS) times.delete(oldest)
    },
    isFetching: (path, set, now) => {
      const known = holding(path, set)
      if (known?.bitmap.complete === true) return false
      const isGrowing = known !== undefined && now - known.grewAt < FETCHING_FOR
      return isGrowing || now - (opened.get(path)?.get(set) ?? -Infinity) < JUST_OPENED
    },
    forget: (set) => void sets.delete(set),
    leave: (path) => {
      opened.delete(path)
      for (const holders of sets.values()) holders.delete(path)
    },
  }
}
