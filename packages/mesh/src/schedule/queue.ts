import { PRIORITIES } from '@hubmesh/content'
import type { Holdings } from './holdings.ts'
import type { Path } from './path.ts'
import { type Member, isBefore } from './rendezvous.ts'
import { type Wanted, isRead, isUrgent } from './wants.ts'

/**
 * In which order chunks are asked for. What a reader waits for comes first, then what would come too late for one, the soonest
 * due first; then all else that is read, in the order of asking, which is that of reading. What only
 * has to come some time goes rarest first: what few have is spread before they leave, and of several nodes that fetch the
 * same each begins with another part, so that they have something to give each other and who has it all sends it once.
 */
export interface Queue {
  add(want: Wanted): void
  /** It is asked for, or not wanted any more. */
  delete(want: Wanted): void
  /** Others have told something. */
  touch(): void
  inOrder(now: number): readonly Wanted[]
}

/** What others have changes the order so often at most, in ms: they tell of it each 50 ms. */
const ORDER_MS = 50

export const createQueue = (
  { holdings, paths }: { holdings: Holdings; paths: ReadonlySet<Path> },
  { self }: { self: Member },
): Queue => {
  const queue: Wanted[] = []
  const fresh = new Set<Wanted>()
  const fetchers = new Map<string, readonly Path[]>()
  let touched = false
  let sortedAt = -Infinity

  const sort = (now: number): void => {
    fetchers.clear()
    for (const want of queue) place(want, now)
    queue.sort(compare)
    touched = false
    sortedAt = now
  }

  const insert = (want: Wanted, now: number): void => {
    place(want, now)
    let [from, to] = [0, queue.length]
    while (from < to) {
      const middle = (from + to) >> 1
      const other = queue[middle]
      if (other !== undefined && compare(other, want) <= 0) from = middle + 1
      else to = middle
    }
    queue.splice(from, 0, want)
  }

  const place = (want: Wanted, now: number): void => {
    if (isRead(want)) return
    want.holders = 0
    for (const { bitmap } of holdings.of(want.set).values()) if (bitmap.has(want.index)) want.holders += 1
    want.rank = 0
    for (const path of fetchersOf(want.set, now)) if (isBefore(path, self, want.index)) want.rank += 1
  }

  const fetchersOf = (set: string, now: number): readonly Path[] => {
    // Nodes of a site begin at about the same time: one that is not heard of yet may just be asking for its part.
    const known = fetchers.get(set) ?? [...paths].filter((path) => path.sameSite || holdings.isFetching(path, set, now))
    fetchers.set(set, known)
    return known
  }

  return {
    add: (want) => void fresh.add(want),
    delete: (want) => {
      if (fresh.delete(want)) return
      const at = queue.indexOf(want)
      if (at >= 0) queue.splice(at, 1)
    },
    touch: () => {
      touched = true
    },
    inOrder: (now) => {
      if (touched && now - sortedAt >= ORDER_MS) sort(now)
      for (const want of fresh) insert(want, now)
      fresh.clear()
      return queue
    },
  }
}

const compare = (a: Wanted, b: Wanted): number =>
  urgencyOf(a) - urgencyOf(b) ||
  (isUrgent(a) ? dueAtOf(a) - dueAtOf(b) : 0) ||
  (isRead(a) ? 0 : a.holders - b.holders || a.rank - b.rank) ||
  a.turn - b.turn

const urgencyOf = (want: Wanted): number => (isUrgent(want) ? 0 : PRIORITIES.indexOf(want.priority))

const dueAtOf = ({ priority, dueAt }: Wanted): number => (priority === 'reader' ? 0 : dueAt)
