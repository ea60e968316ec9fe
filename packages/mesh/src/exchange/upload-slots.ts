import { MeshError } from '@hubmesh/content'
import {
  HEAD_START,
  MAX_BUSY_RETRY,
  MAX_KNOWN_PEERS,
  MAX_SLOT_WAIT,
  MAX_UPLOADS,
  MAX_WAITING_UPLOADS,
  MIN_GOODPUT,
  READER_UPLOADS,
  SECOND,
  SLOT_PATIENCE,
  SLOT_TICK,
  TURN_BYTES,
  TURN_TIME,
} from '../limits.ts'

/** A stream that chunks are asked on. */
export interface Uploader {
  readonly peerId: string
  /** Of the most urgent chunk that is asked for: 0 is a reader's. */
  rank(): number
  /** Bytes that were sent and that the other side has not taken. */
  queued(): number
  /** Bytes that it has taken so far. */
  taken(): number
  /** It takes next to nothing, and others wait for its place. */
  onStall(): void
}

/** The right to send chunks, until `over`. Memory is why there are few: each has 2 MiB of buffers. */
export interface Turn {
  readonly sent: (bytes: number) => void
  /** Others wait, and this one has had its share; or one waits whose chunk is more urgent. */
  over(): boolean
  /** Its buffers are free again. */
  end(): void
}

/** Which streams may send chunks now. */
export interface UploadSlots {
  /** @throws MeshError `busy` with the seconds after which it is worth asking again */
  enter(uploader: Uploader): Promise<Turn>
  stop(): void
}

interface Waiting {
  readonly uploader: Uploader
  readonly enteredAt: number
  /** Since when its peer has waited, from before it was told `busy`. */
  readonly since: number
  readonly resolve: (turn: Turn) => void
  readonly reject: (error: MeshError) => void
}

interface RunningTurn {
  readonly uploader: Uploader
  readonly startedAt: number
  sent: number
  /** Where the other side stood when it was last looked at whether it takes anything. */
  mark: { at: number; taken: number }
}

/**
 * Streams take turns. The next is of the peer that has the fewest, and of those who has waited longest, where a less urgent
 * chunk counts as so many seconds later: so peers are equal, however many streams one has, readers come first among them,
 * and nobody waits for ever. Who would wait longer than an asker's patience is told `busy` and keeps his place until he is back.
 */
export const createUploadSlots = ({
  slots = MAX_UPLOADS,
  forReaders = Math.min(READER_UPLOADS, slots - 1),
}: { slots?: number | undefined; forReaders?: number | undefined } = {}): UploadSlots => {
  const turns = new Set<RunningTurn>()
  const waiting = new Set<Waiting>()
  const places = new Map<string, { since: number; until: number }>()
  let usualTurn = SECOND
  let contestedAt = -Infinity
  let timer: NodeJS.Timeout | undefined

  const enter: UploadSlots['enter'] = async (uploader) => {
    const { promise, resolve, reject } = Promise.withResolvers<Turn>()
    const now = performance.now()
    const entry = { uploader, enteredAt: now, since: placeOf(uploader.peerId, now), resolve, reject }
    waiting.add(entry)
    timer ??= setInterval(look, SLOT_TICK)
    fill()
    if (waiting.has(entry)) refuseHopeless()
    return promise
  }

  /** Others want a place; those who were told `busy` a moment ago too. */
  const isContested = (): boolean => waiting.size > 0 || performance.now() - contestedAt < SLOT_PATIENCE

  const placeOf = (peerId: string, now: number): number => {
    const place = places.get(peerId)
    return place === undefined || place.until < now ? now : place.since
  }

  const turnsOf = (peerId: string): number => [...turns].filter(({ uploader }) => uploader.peerId === peerId).length

  const due = ({ uploader, since }: Waiting): number => since + HEAD_START * uploader.rank()

  const line = (): Waiting[] =>
    [...waiting].toSorted((a, b) => turnsOf(a.uploader.peerId) - turnsOf(b.uploader.peerId) || due(a) - due(b))

  const fill = (): void => {
    while (turns.size < slots && waiting.size > 0) {
      const next = line().find(({ uploader }) => uploader.rank() === 0 || turns.size < slots - forReaders)
      if (next === undefined) return
      waiting.delete(next)
      places.delete(next.uploader.peerId)
      next.resolve(begin(next.uploader))
    }
  }

  const begin = (uploader: Uploader): Turn => {
    const startedAt = performance.now()
    const turn: RunningTurn = { uploader, startedAt, sent: 0, mark: { at: startedAt, taken: uploader.taken() } }
    turns.add(turn)
    return {
      sent: (bytes) => void (turn.sent += bytes),
      over: () => isOver(turn),
      end: () => {
        if (!turns.delete(turn)) return
        const length = Math.min(performance.now() - startedAt, 2 * TURN_TIME) // alone, it may have been for hours
        usualTurn += (length - usualTurn) / 8
        fill()
      },
    }
  }

  const isOver = (turn: RunningTurn): boolean => {
    if (turn.sent === 0 || !isContested()) return false
    if (turn.sent >= TURN_BYTES || performance.now() - turn.startedAt >= TURN_TIME) return true
    const rank = turn.uploader.rank()
    const isSecond = turnsOf(turn.uploader.peerId) > 1
    return [...waiting].some(({ uploader }) => uploader.rank() < rank || (isSecond && turnsOf(uploader.peerId) === 0))
  }

  /** Milliseconds until the turn of who has so many before him. */
  const expectedWait = (before: number): number => ((before + 1) / slots) * usualTurn

  /** Those for whom there is no hope of a turn while their askers are still patient. */
  const refuseHopeless = (): void => {
    const now = performance.now()
    for (const [place, entry] of line().entries()) {
      const expected = expectedWait(place)
      const waited = now - entry.enteredAt
      if (place < MAX_WAITING_UPLOADS && waited < MAX_SLOT_WAIT && waited + expected < 2 * MAX_SLOT_WAIT) continue
      waiting.delete(entry)
      contestedAt = now
      const seconds = Math.ceil(expectedWait(place + places.size) / SECOND) // they come back before him
      const retryAfter = Math.min(MAX_BUSY_RETRY, Math.max(1, seconds))
      keepPlace(entry, now + (retryAfter + MAX_BUSY_RETRY) * SECOND)
      entry.reject(new MeshError('busy', 'all upload slots are taken', { retryAfter }))
    }
  }

  const keepPlace = ({ uploader: { peerId }, since }: Waiting, until: number): void => {
    places.delete(peerId) // who was refused last is forgotten last
    places.set(peerId, { since, until })
    const [oldest] = places.keys()
    if (places.size > MAX_KNOWN_PEERS && oldest !== undefined) places.delete(oldest)
  }

  const look = (): void => {
    if (turns.size === 0 && waiting.size === 0) {
      clearInterval(timer)
      timer = undefined
      return
    }
    for (const turn of turns) endIfStalled(turn)
    const now = performance.now()
    for (const [peerId, { until }] of places) if (until < now) places.delete(peerId)
    refuseHopeless()
  }

  /** Only time in which something was there to be taken counts: what a rate cap holds back is not the peer's fault. */
  const endIfStalled = (turn: RunningTurn): void => {
    const { uploader, mark } = turn
    const at = performance.now()
    const taken = uploader.taken()
    const tookEnough = taken - mark.taken >= (MIN_GOODPUT * SLOT_PATIENCE) / SECOND
    if (uploader.queued() === 0 || tookEnough) turn.mark = { at, taken }
    else if (at - mark.at >= SLOT_PATIENCE && isContested()) uploader.onStall()
  }

  return {
    enter,
    stop: () => {
      clearInterval(timer)
      for (const { reject } of waiting) reject(new MeshError('busy', 'this node is stopping', { retryAfter: 1 }))
      waiting.clear()
    },
  }
}
