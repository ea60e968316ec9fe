import {
  type ByteRange,
  type ChunkSource,
  MeshError,
  type Meter,
  type Priority,
  type ReadOptions,
  type Swarm,
  isMeshError,
  orAbort,
} from '@hubmesh/content'
import type { BlobChunks, PlacedWant } from './chunks.ts'
import type { Lease } from './flights.ts'
import {
  ALL_WINDOWS_BYTES,
  FIRST_WINDOW,
  type Limits,
  MAX_READ_ATTEMPTS,
  MAX_WINDOW,
  MAX_WINDOW_BYTES,
  MIN_WINDOW_BYTES,
} from './limits.ts'
import { notReady, untilReady, withDeadline } from './waits.ts'

export interface ReaderOptions extends ReadOptions {
  readonly source: ChunkSource
  readonly swarm: Swarm
  readonly pace: Pace
  readonly meter: Meter
  readonly limits: Limits
}

/**
 * Proven bytes of a range in order. Chunks are asked for as the reader comes near them, and those of the range alone.
 * @throws MeshError `not-ready` before the first byte, `unreachable` after it, when nothing comes in time; `bad-bytes`
 */
export async function* readRange(
  open: (signal: AbortSignal) => Promise<BlobChunks>,
  range: ByteRange,
  options: ReaderOptions,
): AsyncGenerator<Uint8Array> {
  if (range.start >= range.end) return
  const { signal, limits } = options
  let reader: Reader | undefined
  const begin = async (signal: AbortSignal): Promise<readonly Uint8Array[] | undefined> => {
    const chunks = await untilReady(() => open(signal), { ...options, signal })
    if (signal.aborted) chunks.close()
    signal.throwIfAborted()
    reader = createReader(chunks, range, options)
    return reader.next(signal)
  }
  const early = (): MeshError => notReady('nothing of the file has come yet', reader?.outlook())
  const stalled = (): MeshError => new MeshError('unreachable', 'the bytes of the file stopped coming')
  try {
    let parts = await withDeadline(begin, { signal, ms: limits.firstByteMs, late: early })
    while (parts !== undefined) {
      yield* parts
      const next = reader
      parts = next && (await withDeadline((signal) => next.next(signal), { signal, ms: limits.stallMs, late: stalled }))
    }
  } finally {
    reader?.leave()
  }
}

interface Reader {
  /** The range's part of the next chunk; undefined at the end. */
  next(signal: AbortSignal): Promise<readonly Uint8Array[] | undefined>
  /** Seconds until the chunk that it waits for may be here, as far as that can be said. */
  outlook(): number | undefined
  leave(): void
}

const createReader = (chunks: BlobChunks, range: ByteRange, options: ReaderOptions): Reader => {
  const { source, swarm, pace, meter, rate } = options
  const leases = new Map<number, { lease: Lease; length: number }>()
  const paced = pace.join()
  let span: { at: number; last: number } | undefined
  /** Where in the blob the reader is: what is before it was handed out. */
  let position = 0
  let asked = 0
  let askedBytes = 0
  let window = FIRST_WINDOW
  let current: PlacedWant | undefined
  const leaving = new AbortController()

  const begin = async (): Promise<{ at: number; last: number }> => {
    const [at, last] = [await chunks.locate(range.start), await chunks.locate(range.end - 1)]
    asked = at
    position = range.start
    return { at, last }
  }

  /** Asks for the chunk that is due, and for more as far as the window goes. */
  const askAhead = async (at: number, last: number): Promise<void> => {
    while (asked <= last && (asked === at || (asked < at + window && askedBytes < paced.windowBytes()))) {
      if (!chunks.has(asked)) await ask(asked, asked === at ? 'reader' : 'ahead')
      asked += 1
    }
  }

  const ask = async (index: number, priority: Priority): Promise<void> => {
    const { start, length } = await chunks.want(index)
    leaving.signal.throwIfAborted()
    const lease = await chunks.ask(index, priority, rate && (() => dueMs(start, rate())))
    if (leaving.signal.aborted) lease.release()
    leaving.signal.throwIfAborted()
    leases.set(index, { lease, length })
    askedBytes += length
  }

  /** Until the reader is at a byte, if it goes on as it does. */
  const dueMs = (start: number, perSecond = 0): number =>
    start <= position ? 0 : perSecond > 0 ? ((start - position) / perSecond) * 1000 : Infinity

  const release = (index: number): void => {
    const taken = leases.get(index)
    leases.delete(index)
    askedBytes -= taken?.length ?? 0
    taken?.lease.release()
  }

  const obtain = async (index: number, signal: AbortSignal): Promise<readonly Uint8Array[]> => {
    for (let attempt = 0; attempt < MAX_READ_ATTEMPTS; attempt += 1) {
      const lease = leases.get(index)?.lease
      if (lease !== undefined && !lease.isHere()) {
        window = Math.min(window * 2, MAX_WINDOW) // it is faster than its chunks come: let more be on their way
        lease.raise('reader')
        await orAbort(lease.arrived, signal)
      }
      const parts = lease?.bytes()?.parts ?? (await readBack(index, lease, signal))
      if (parts !== undefined) return parts
      release(index)
      await ask(index, 'reader')
    }
    throw new MeshError('io', 'a chunk was fetched again and again, and never stayed on the disk')
  }
  const readBack = async (
    index: number,
    lease: Lease | undefined,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[] | undefined> => {
    if (lease !== undefined && !(await isStored(lease, signal))) return undefined
    const parts = await chunks.stored(index)
    if (parts === undefined) meter.add('rejectedChunks', 1) // it was proven, and the disk has changed it
    return parts
  }

  return {
    next: async (signal) => {
      span ??= await untilReady(begin, { swarm, signal })
      const { at, last } = span
      if (at > last) return undefined
      const whole = AbortSignal.any([signal, chunks.broken])
      await untilReady(() => askAhead(at, last), { swarm, signal: whole })
      current = await chunks.want(at)
      const { start, length } = current
      const parts = await obtain(at, whole)
      if (at === chunks.count - 1) await lastIsGood(leases.get(at)?.lease, whole)
      release(at)
      span.at = at + 1
      position = start + length
      return slice(parts, Math.max(0, range.start - start), Math.min(length, range.end - start))
    },
    outlook: () => current && source.outlook(current),
    leave: () => {
      leaving.abort()
      paced.leave()
      for (const index of leases.keys()) release(index)
      chunks.close()
    },
  }

  /** The end of a file leaves only after its whole was matched, where all of it is here. */
  async function lastIsGood(lease: Lease | undefined, signal: AbortSignal): Promise<void> {
    if (lease !== undefined) await isStored(lease, signal)
    await chunks.confirmed(signal)
  }
}

/** Shares among all readers what they may have on its way ahead of them. */
export interface Pace {
  join(): { windowBytes(): number; leave(): void }
}

export const createPace = (): Pace => {
  let readers = 0
  return {
    join: () => {
      readers += 1
      let joined = true
      return {
        windowBytes: () => Math.min(MAX_WINDOW_BYTES, Math.max(MIN_WINDOW_BYTES, ALL_WINDOWS_BYTES / readers)),
        leave: () => {
          if (joined) readers -= 1
          joined = false
        },
      }
    },
  }
}

/** False where the disk is full: readers read on. */
const isStored = async (lease: Lease, signal: AbortSignal): Promise<boolean> => {
  try {
    await orAbort(lease.stored, signal)
    return true
  } catch (error) {
    if (isMeshError(error, 'no-space')) return false
    throw error
  }
}

/** Bytes `start` to `end` of the parts, as parts. */
const slice = (parts: readonly Uint8Array[], start: number, end: number): Uint8Array[] => {
  const sliced: Uint8Array[] = []
  let at = 0
  for (const part of parts) {
    const piece = part.subarray(Math.max(0, start - at), Math.max(0, end - at))
    if (piece.length > 0) sliced.push(piece)
    at += part.length
  }
  return sliced
}
