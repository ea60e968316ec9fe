import { SECOND } from '../limits.ts'
import type { ChunkBuckets } from './chunk-buckets.ts'
import type { HedgeBudget } from './hedges.ts'
import type { Holdings } from './holdings.ts'
import { type Path, type Room, roomOf } from './path.ts'
import type { QuietPaths } from './quiet.ts'
import { type Member, isBefore } from './rendezvous.ts'
import type { SiteShare } from './site-share.ts'
import { type Request, type Wanted, isAtRisk, isRead, isUrgent } from './wants.ts'
import { type Way, type Ways, soonestOfAll } from './ways.ts'

/** Of whom a chunk is asked: one look at all paths, and then chunk after chunk. */
export interface Chooser {
  /** Looks at all paths. False when nothing can be asked of any now. @param wantedBytes all that is wanted */
  look(now: number, wantedBytes: number): boolean
  /** False when nobody can take one of its priority any more. */
  hasRoomFor(want: Wanted): boolean
  /** Who is asked for it now; undefined when that has to wait. */
  choose(want: Wanted): Path | undefined
  /** What is under way to the path has changed. */
  onAsked(path: Path): void
  /** What is not left to others of our site any longer, because there is nothing else to do. */
  takeOver(waiting: readonly Wanted[]): Iterable<Choice>
  /** What is better asked of one more: who is late is helped out, and at the end who is slow, as far as the budget goes. */
  help(asked: Iterable<Wanted>, waiting: readonly Wanted[]): Iterable<Choice>
}

export interface Choice {
  readonly want: Wanted
  readonly path: Path
}

interface Components {
  readonly holdings: Holdings
  readonly paths: ReadonlySet<Path>
  readonly share: SiteShare
  readonly hedges: HedgeBudget
  readonly quiet: QuietPaths
  readonly ways: Ways
  /** Who asks takes from them. */
  readonly buckets: ChunkBuckets
  readonly self: Member
}

/** At the end, what is under way is asked of one more who gives it in less than that part of the time. */
const SOONER = 0.5
/** One that would take longer than all that is wanted is asked all the same if it takes so many times the best at most. */
const WORSE = 2
/** What nobody reads is asked of so many nodes of another site at most: more streams on the same line only make each other lose. */
const SOURCES_PER_SITE = 2

export const createChooser = ({ holdings, paths, share, hedges, quiet, ways, buckets, self }: Components): Chooser => {
  const rooms = new Map<Path, Room>()
  let now = 0
  /** How long all that is wanted takes, from all at once. */
  let allMs = 0
  /** Each node has a line of its own, so that the nodes of a site ask different ones of another. */
  const lineOfSelf = self.hash >>> 1

  const look = (at: number, wantedBytes: number): boolean => {
    now = at
    let rate = 0
    rooms.clear()
    ways.look(now)
    for (const path of paths) {
      const room = ways.isUsable(path) && !isCapped(path) ? roomOf(path, now) : 'none'
      if (room !== 'none') rooms.set(path, room)
      if (ways.isUsable(path)) rate += path.goodput.estimate(now) ?? 0
    }
    allMs = (wantedBytes / rate) * SECOND
    return rooms.size > 0
  }

  /** Once there is enough room it is filled up. */
  const onAsked = (path: Path): void => {
    if (roomOf(path, now) === 'none') rooms.delete(path)
    for (const other of rooms.keys()) if (isCapped(other)) rooms.delete(other)
  }

  /** Nothing at all is to be asked of it now. */
  const isCapped = ({ sameSite }: Path): boolean => buckets.due({ otherSite: !sameSite }, now) > 0
  /** Nothing of its kind is to be asked for now. */
  const isKindCapped = ({ priority }: Wanted): boolean => buckets.due({ priority, otherSite: false }, now) > 0

  const hasRoom = (path: Path, want: Wanted): boolean => {
    const room = rooms.get(path)
    return (room === 'enough' || (room === 'some' && isUrgent(want))) && !isKindCapped(want)
  }

  /**
   * The same site wins over any other, but for what would come too late from it. Who has no room is waited for where that is
   * sooner than the next best.
   */
  const choose = (want: Wanted): Path | undefined => {
    if (isKindCapped(want)) return undefined
    if (isAtRisk(want)) return chooseSoonest(want)
    const near = ways.soonest(want, ({ sameSite }) => sameSite)
    if (near !== undefined) {
      share.found(near.path, want, now)
      return hasRoom(near.path, want) ? near.path : undefined
    }
    const far = chooseFar(want)
    if (far === undefined) return undefined
    const mate = isUrgent(want) ? undefined : share.responsible(want, now)
    return mate !== undefined && share.isLeftTo(mate, want, now, far.ms) ? undefined : far.path
  }

  const chooseSoonest = (want: Wanted): Path | undefined => {
    const best = soonestOfAll(ways, want)
    return best !== undefined && hasRoom(best.path, want) ? best.path : undefined
  }

  /** False where enough others of its site are before it in this node's own line, who have the chunk too. */
  const isOneOfFew = (path: Path, want: Wanted): boolean => {
    if (path.site === '' || path.sameSite || isRead(want)) return true
    let before = 0
    for (const [other, { bitmap }] of holdings.of(want.set)) {
      if (other === path || other.site !== path.site || !bitmap.has(want.index) || !ways.isUsable(other)) continue
      if (isBefore(other, path, lineOfSelf) && (before += 1) >= SOURCES_PER_SITE) return false
    }
    return true
  }

  /** What is read comes from the soonest; all else from whoever has room, so that nobody idles. */
  const chooseFar = (want: Wanted): Way | undefined => {
    const best = ways.soonest(want, (path) => !path.relayed && isOneOfFew(path, want)) ?? ways.soonest(want, () => true)
    if (best === undefined || hasRoom(best.path, want)) return best
    if (isRead(want)) return undefined
    const next = ways.soonest(
      want,
      (path) => path.relayed === best.path.relayed && hasRoom(path, want) && isOneOfFew(path, want),
    )
    return next !== undefined && next.ms <= Math.max(allMs, WORSE * best.ms) ? next : undefined
  }

  /** From the end of the file, which a slow one comes to last. */
  const takeOver = function* (waiting: readonly Wanted[]): Generator<Choice> {
    const left = Map.groupBy(waiting, ({ left }) => left?.to)
    for (const [mate, wants] of left) {
      if (mate === undefined) continue
      const fromEnd = wants.toSorted((a, b) => b.turn - a.turn)
      for (const [index, want] of fromEnd.entries()) {
        const far = chooseFar(want)
        if (far === undefined) continue
        if (wants.length - index <= share.kept(mate, far.ms)) break
        yield { want, path: far.path }
      }
    }
  }

  const help = function* (asked: Iterable<Wanted>, waiting: readonly Wanted[]): Generator<Choice> {
    const isEnd = waiting.every(({ left, holders }) => left !== undefined || holders === 0)
    for (const { want, first, due } of inOrderOfHelp(asked, now)) {
      const isSilent = quiet.has(first.path)
      const isLate = isSilent || first.lateAt <= now
      const isDue = due < Infinity
      // In the middle nobody waits for one that is late, as long as others come.
      const isWaitedFor = isDue || (isLate && isRead(want))
      if (!isEnd && !isSilent && !isWaitedFor) continue
      const isWorth = (path: Path): boolean =>
        path.sameSite ||
        // What a node of our site has is fetched from outside only when it gives nothing.
        (first.path.sameSite ? isRead(want) || (isSilent && isEnd) : isLate || isDue || !isSameSite(path, first.path))
      const helper = ways.soonest(
        want,
        (path) => path !== first.path && (!path.relayed || first.path.relayed) && hasRoom(path, want) && isWorth(path),
      )
      if (helper === undefined) continue
      const isInTime = isDue && helper.ms <= due
      const isMuchSooner = isEnd && helper.ms <= SOONER * (first.expectedAt - now)
      if (!isLate && !isInTime && !isMuchSooner) continue
      if (!helper.path.sameSite && !hedges.take(want.length, isLate || isInTime)) continue
      if (isInTime) want.dueAt = now + due
      yield { want, path: helper.path }
    }
  }

  return {
    look,
    onAsked,
    hasRoomFor: (want) => (isUrgent(want) ? rooms.size > 0 : rooms.values().some((room) => room === 'enough')),
    choose,
    takeOver,
    help,
  }
}

/** Both stand at the end of the same line. */
const isSameSite = (a: Path, b: Path): boolean => a.site === b.site && a.site !== ''

/** What is asked of one, and until when it is due, in ms, if it comes later than that; else Infinity. */
interface Asked {
  readonly want: Wanted
  readonly first: Request
  readonly due: number
}

/** What comes too late for a reader first, the soonest due of it; then what comes latest. */
const inOrderOfHelp = (asked: Iterable<Wanted>, now: number): Asked[] => {
  const all: Asked[] = []
  for (const want of asked) {
    const [first, second] = want.asked
    if (first === undefined || second !== undefined) continue
    const due = want.dueMs?.() ?? Infinity
    // What is late is taken to need as long again as it is late.
    all.push({ want, first, due: Math.abs(first.expectedAt - now) > due ? due : Infinity })
  }
  return all.toSorted((a, b) => (a.due === b.due ? b.first.expectedAt - a.first.expectedAt : a.due - b.due))
}
