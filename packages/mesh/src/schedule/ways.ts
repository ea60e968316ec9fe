import type { Holdings } from './holdings.ts'
import { type Path, expectedMs, transferMs } from './path.ts'
import type { QuietPaths } from './quiet.ts'
import { type Wanted, isAvoided } from './wants.ts'

/** By which paths a chunk can come, and how long that takes. */
export interface Ways {
  look(now: number): void
  isUsable(path: Path): boolean
  /**
   * Soonest of those that have it and that a test admits.
   * @param before bytes that will be asked of a path before it, beside what is under way
   */
  soonest(want: Wanted, admits: (path: Path) => boolean, before?: ReadonlyMap<Path, number>): Way | undefined
}

export interface Way {
  readonly path: Path
  /** Expected time until the chunk is here. */
  readonly ms: number
}

export const createWays = ({ holdings, quiet }: { holdings: Holdings; quiet: QuietPaths }): Ways => {
  let now = 0
  const isUsable = (path: Path): boolean => path.restUntil <= now && !quiet.has(path)
  return {
    look: (at) => {
      now = at
      quiet.look(now)
    },
    isUsable,
    soonest: (want, admits, before) => {
      let best: Way | undefined
      for (const [path, { bitmap }] of holdings.of(want.set)) {
        if (!bitmap.has(want.index) || !isUsable(path) || isAvoided(want, path, now) || !admits(path)) continue
        const ms = expectedMs(path, want.length, now) + transferMs(path, before?.get(path) ?? 0, now)
        if (best === undefined || ms < best.ms) best = { path, ms }
      }
      return best
    },
  }
}

/** Wherever it comes from; through a relay where no other way brings it. */
export const soonestOfAll = (ways: Ways, want: Wanted, before?: ReadonlyMap<Path, number>): Way | undefined =>
  ways.soonest(want, ({ relayed }) => !relayed, before) ?? ways.soonest(want, () => true, before)
