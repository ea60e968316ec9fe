import { MeshError, isMeshError } from '@hubmesh/content'
import type { Uint8ArrayList } from 'uint8arraylist'
import { type FarRules, STILL_AFTER, STILL_ROUND_TRIPS } from '../limits.ts'
import { unlessAborted } from '../node/wait.ts'
import { type Goodput, createGoodput, createTrial } from '../schedule/index.ts'
import type { ChunkQuestion } from './asker.ts'

/** A stream that chunks come on. */
export interface ChunkStream {
  /** @throws MeshError as an `Asker` does; the signal's reason, when it is cancelled */
  ask(chunk: ChunkQuestion, signal: AbortSignal): Promise<Uint8ArrayList>
  /** Bytes that have come on its connection so far, of whatever they are a part. */
  heardBytes(): number
  /** With its connection, if it has one of its own. */
  close(): void
  readonly ended: Promise<MeshError>
}

/**
 * The streams that chunks of one peer come on: one, on the connection that everything goes over; and to a far peer, while
 * that brings more, some others on connections of their own, so that a lost packet does not hold up all that is under way.
 */
export interface ChunkStreams {
  /** @param length of the chunk, in bytes. @throws MeshError as an `Asker` does; the signal's reason, when it is cancelled */
  ask(chunk: ChunkQuestion, length: number, signal: AbortSignal): Promise<Uint8ArrayList>
  /** Opens the first one, so that no chunk waits for that. */
  warm(): void
  /** Looked at every 200 ms while chunks are wanted. @param isShort more is wanted than the path takes now */
  look(isShort: boolean): void
  /** How many there are. */
  count(): number
  close(): void
}

export interface ChunkStreamsComponents {
  readonly openFirst: () => Promise<ChunkStream>
  /** One on a connection of its own. @throws MeshError, when there is none to be had */
  readonly openFurther: (signal: AbortSignal) => Promise<ChunkStream>
  /** The peer is far, and takes further connections from here. */
  readonly isFar: () => boolean
  /** The shortest that was measured: what waits on the way makes others longer. */
  readonly rttMs: () => number
  /** The peer broke the protocol. */
  readonly onBreach: (error: MeshError) => void
}

/** A stream, and what is under way on it. */
interface Lane {
  readonly stream: ChunkStream
  readonly isFurther: boolean
  readonly goodput: Goodput
  readonly jobs: Set<Job>
  inFlightBytes: number
  heardBytes: number
  /** When bytes have come last, or it was asked for some when nothing was under way. */
  heardAt: number
  /** Nothing comes of what is under way: its requests were moved to another. */
  isStill: boolean
}

interface Job {
  readonly length: number
  readonly move: AbortController
}

/** Why a request ends that is asked on another stream instead. */
const moved = new MeshError('unreachable', 'asked on another stream')
/** One that stands still for so many times as long gets another chance, if it is the first, or is closed. */
const GIVEN_UP_AFTER = 4

export const createChunkStreams = (components: ChunkStreamsComponents, rules: FarRules): ChunkStreams => {
  const { openFirst, openFurther, isFar, rttMs, onBreach } = components
  const trial = createTrial(rules)
  const further = new Set<Lane>()
  const closing = new AbortController()
  let opening: Promise<Lane> | undefined
  let first: Lane | undefined
  /** Bytes that have come on all. */
  let heardBytes = 0
  let idleTimer: NodeJS.Timeout | undefined

  const lanes = (): Lane[] => (first === undefined ? [...further] : [first, ...further])

  const firstLane = async (): Promise<Lane> => {
    if (closing.signal.aborted) throw new MeshError('unreachable', 'the peer is gone')
    opening ??= openFirst().then(
      (stream) => {
        first = newLane(stream, false)
        void stream.ended.then(onFirstEnd)
        if (closing.signal.aborted) stream.close()
        return first
      },
      (error: unknown) => {
        opening = undefined
        if (!isMeshError(error, 'bad-bytes')) throw error
        onBreach(error)
        throw new MeshError('unreachable', error.message, { cause: error }) // no chunk was wrong
      },
    )
    return opening
  }

  const onFirstEnd = (error: MeshError): void => {
    opening = undefined
    first = undefined
    if (error.code === 'bad-bytes') onBreach(error)
  }

  const ask: ChunkStreams['ask'] = async (chunk, length, signal) => {
    idleTimer?.refresh()
    const start = first ?? (await unlessAborted(firstLane(), signal))
    for (;;) {
      const lane = soonest(length) ?? start
      try {
        return await askOn(lane, { chunk, length }, signal)
      } catch (error) {
        if (signal.aborted || (error !== moved && !(lane.isFurther && isTransient(error)))) throw error
        if (error !== moved) lose(lane)
      }
    }
  }

  const askOn = async (
    lane: Lane,
    { chunk, length }: { chunk: ChunkQuestion; length: number },
    signal: AbortSignal,
  ): Promise<Uint8ArrayList> => {
    const job: Job = { length, move: new AbortController() }
    const onAbort = (): void => job.move.abort(signal.reason)
    signal.addEventListener('abort', onAbort)
    begin(lane, job)
    try {
      const payload = await lane.stream.ask(chunk, job.move.signal)
      lane.goodput.received(length, performance.now())
      return payload
    } finally {
      signal.removeEventListener('abort', onAbort)
      end(lane, job)
    }
  }

  const soonest = (length: number): Lane | undefined => {
    if (further.size === 0) return first
    const now = performance.now()
    const all = lanes()
    const moving = all.filter(({ isStill }) => !isStill)
    const rates = all.flatMap(({ goodput }) => goodput.estimate(now) ?? [])
    const usual = rates.length === 0 ? 1 : rates.reduce((sum, rate) => sum + rate, 0) / rates.length
    const expected = ({ goodput, inFlightBytes }: Lane): number =>
      (inFlightBytes + length) / Math.max(1, goodput.estimate(now) ?? usual)
    return (moving.length === 0 ? all : moving).toSorted((a, b) => expected(a) - expected(b))[0]
  }

  const look = (isShort: boolean): void => {
    if (closing.signal.aborted || first === undefined || (further.size === 0 && !isFar())) return
    const now = performance.now()
    for (const lane of lanes()) lookAt(lane, now)
    const verdict = trial.look({ now, isShort, heardBytes })
    if (verdict === 'open') void openMore()
    if (verdict === 'close') closeFurther()
  }

  const lookAt = (lane: Lane, now: number): void => {
    const heard = lane.stream.heardBytes() - lane.heardBytes
    if (heard > 0) {
      heardBytes += heard
      lane.heardBytes += heard
      Object.assign(lane, { heardAt: now, isStill: false })
      return
    }
    const stillMs = now - lane.heardAt
    const longest = Math.max(STILL_AFTER, STILL_ROUND_TRIPS * rttMs())
    if (!lane.isStill && lane.jobs.size > 0 && stillMs > longest) stopWaiting(lane)
    else if (lane.isStill && stillMs > GIVEN_UP_AFTER * longest) {
      if (lane.isFurther) lose(lane)
      else Object.assign(lane, { heardAt: now, isStill: false })
    }
  }

  const stopWaiting = (lane: Lane): void => {
    if (!lanes().some((other) => other !== lane && !other.isStill)) return // there is none that it is better asked on
    lane.isStill = true
    for (const { move } of lane.jobs) move.abort(moved)
  }

  /** One after another: libp2p makes one of dials to the same peer that go on at the same time. Never rejects. */
  const openMore = async (): Promise<void> => {
    try {
      while (further.size < rules.connections) add(await openFurther(closing.signal))
    } catch (error) {
      if (isMeshError(error, 'bad-bytes')) onBreach(error)
    }
    if (closing.signal.aborted) return
    trial.opened(further.size, performance.now())
    if (further.size > 0) idleTimer = setTimeout(onIdle, rules.idleMs)
  }

  const add = (stream: ChunkStream): void => {
    const lane = newLane(stream, true)
    further.add(lane)
    void stream.ended.then((error) => {
      lose(lane)
      if (error.code === 'bad-bytes') onBreach(error)
    })
    if (closing.signal.aborted) drop(lane)
  }

  /** One that breaks, or gets no turn, says nothing of the peer: what was under way on it is asked on another. */
  const lose = (lane: Lane): void => {
    if (drop(lane) && further.size === 0) trial.closed('lost', performance.now())
  }

  /** False when it was dropped before. */
  const drop = (lane: Lane): boolean => {
    if (!further.delete(lane)) return false
    lane.stream.close()
    if (further.size > 0) return true
    clearTimeout(idleTimer)
    idleTimer = undefined
    return true
  }

  const onIdle = (): void => {
    if (lanes().some(({ jobs }) => jobs.size > 0)) {
      idleTimer?.refresh()
      return
    }
    closeFurther()
    trial.closed('idle', performance.now())
  }

  const closeFurther = (): void => {
    for (const lane of further) drop(lane)
  }

  return {
    ask,
    warm: () => void firstLane().catch(() => {}), // whoever asks for a chunk hears of it
    look,
    count: () => Math.max(1, lanes().length),
    close: () => {
      closing.abort()
      first?.stream.close() // one that is still being opened closes itself
      closeFurther()
    },
  }
}

const newLane = (stream: ChunkStream, isFurther: boolean): Lane => ({
  stream,
  isFurther,
  goodput: createGoodput(),
  jobs: new Set(),
  inFlightBytes: 0,
  heardBytes: stream.heardBytes(),
  heardAt: performance.now(),
  isStill: false,
})

const begin = (lane: Lane, job: Job): void => {
  const now = performance.now()
  if (lane.jobs.size === 0) lane.heardAt = now
  lane.jobs.add(job)
  lane.inFlightBytes += job.length
  lane.goodput.busy(lane.jobs.size, now)
}

const end = (lane: Lane, job: Job): void => {
  lane.jobs.delete(job)
  lane.inFlightBytes -= job.length
  lane.goodput.busy(lane.jobs.size, performance.now())
}

const isTransient = (error: unknown): boolean => isMeshError(error, 'unreachable') || isMeshError(error, 'busy')
