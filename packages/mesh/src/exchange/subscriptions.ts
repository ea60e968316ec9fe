import { type Bitmap, type ChunkShelf, type Cid, MeshError } from '@hubmesh/content'
import { HAS_DELAY, HAS_DELAY_FAR, HAVE_PIECE_BYTES, MAX_HAS_INDEXES, MAX_OPEN_SETS } from '../limits.ts'
import type { Arrivals } from './arrivals.ts'
import { encodeMessage } from './messages.ts'
import type { Outbox } from './outbox.ts'

/** The sets that one asker has open: what is here of each, and what comes. */
export interface Subscriptions {
  /** Tells what is here of the set now, and from now on. @throws MeshError `bad-bytes` for more than 256 sets */
  open(id: number, set: Cid): Promise<void>
  /** True when there was such a set. */
  close(id: number): boolean
  stop(): void
}

interface OpenSet {
  readonly set: Cid
  /** Chunks that came since it was last told. */
  added: number[]
  /** The asker has its bitmap: what was added is enough. */
  told: boolean
  stopListening: () => void
}

export interface SubscriptionsComponents {
  readonly shelf: ChunkShelf
  readonly arrivals: Arrivals
  readonly outbox: Outbox
  /** The asker stands at another site. */
  readonly otherSite: () => boolean
  /** What came could not be told: what the asker knows is out of date. */
  readonly onFailure: (error: unknown) => void
}

export const createSubscriptions = ({
  shelf,
  arrivals,
  outbox,
  otherSite,
  onFailure,
}: SubscriptionsComponents): Subscriptions => {
  const sets = new Map<number, OpenSet>()
  let timer: NodeJS.Timeout | undefined
  let toldAt = -Infinity
  let flushing = Promise.resolve()

  const onHave = (open: OpenSet, index: number): void => {
    if (open.added.push(index) > MAX_HAS_INDEXES) Object.assign(open, { added: [index], told: false })
    timer ??= setTimeout(flush, untilNext(open))
  }

  /** A frame for each chunk would be a message to encrypt at one end and to look through at the other, for every peer. */
  const untilNext = ({ set }: OpenSet): number => {
    const delay = Math.max(otherSite() ? HAS_DELAY_FAR : HAS_DELAY, arrivals.spacing(set))
    return Math.max(0, toldAt + delay - performance.now())
  }

  const flush = (): void => {
    timer = undefined
    toldAt = performance.now()
    flushing = flushing.then(tellAll).catch(onFailure)
  }

  const tellAll = async (): Promise<void> => {
    for (const [id, open] of sets) {
      if (open.added.length === 0) continue
      await outbox.settled() // meanwhile more may be added: it is all told at once
      await tell(id, open)
    }
  }

  const tell = async (id: number, open: OpenSet): Promise<void> => {
    const added = open.added.splice(0)
    if (open.told) {
      outbox.send(encodeMessage({ type: 'has', id, indexes: added }))
      return
    }
    const have = await shelf.have(open.set) // what comes meanwhile is in `added` again
    if (sets.get(id) !== open) return
    open.told = have !== undefined
    for (const frame of haveFrames(id, have)) outbox.send(frame)
  }

  return {
    open: async (id, set) => {
      if (sets.has(id) || sets.size >= MAX_OPEN_SETS)
        throw new MeshError('bad-bytes', 'over 256 open sets, or one id twice')
      const open: OpenSet = { set, added: [], told: false, stopListening: () => {} }
      open.stopListening = arrivals.listen(set, (index) => onHave(open, index))
      sets.set(id, open)
      await tell(id, open)
    },
    close: (id) => {
      sets.get(id)?.stopListening()
      return sets.delete(id)
    },
    stop: () => {
      clearTimeout(timer)
      for (const { stopListening } of sets.values()) stopListening()
      sets.clear()
    },
  }
}

/** One `have`, or several pieces in order for a bitmap of over 512 KiB. */
function* haveFrames(id: number, have: Bitmap | undefined) {
  const length = have?.length ?? 0
  if (have === undefined || have.complete) {
    yield encodeMessage({ type: 'have', id, length, at: 0, complete: have !== undefined })
    return
  }
  for (let at = 0; at < have.bytes.length; at += HAVE_PIECE_BYTES)
    yield encodeMessage({ type: 'have', id, length, at, complete: false }, have.bytes.slice(at, at + HAVE_PIECE_BYTES))
}
