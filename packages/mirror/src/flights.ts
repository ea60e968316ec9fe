import {
  type ChunkSource,
  type ChunkWant,
  type FetchedChunk,
  MeshError,
  PRIORITIES,
  type Priority,
  type VerifiedBytes,
  freeOwned,
} from '@hubmesh/content'
import { type Limits, RECENT_BYTES } from './limits.ts'

/** How one chunk is got, wherever it is. */
export interface ChunkJob {
  readonly key: string
  readonly want: ChunkWant
  /** Looks for it on this disk, and puts it in its place. True when it is there now. */
  find(): Promise<boolean>
  store(chunk: FetchedChunk): Promise<void>
}

/** One asker's share in a chunk that is on its way. Release it. */
export interface Lease {
  /** Resolves when the chunk is proven: in `bytes()`, or stored. */
  readonly arrived: Promise<void>
  /** Resolves when it is on this disk. */
  readonly stored: Promise<void>
  /** Resolves when nothing is being done about it any more, whatever came of it. */
  readonly ended: Promise<void>
  isHere(): boolean
  /** The bytes if they were received lately. */
  bytes(): VerifiedBytes | undefined
  /** It is wanted sooner now. */
  raise(priority: Priority): void
  release(): void
}

/** Chunks on their way, each fetched once however many wait for it. */
export interface Flights {
  /**
   * What is on its way already is wanted at the highest of its askers' priorities, and is due with the first of them.
   * The lease's promises reject when the chunk cannot be had: what the source throws, `bad-bytes`, and for `stored` `no-space`.
   * @param dueMs as in `FetchOptions`
   */
  ask(job: ChunkJob, priority: Priority, dueMs?: () => number): Lease
  /** Ends all, and waits for what is being stored. */
  stop(): Promise<void>
}

interface Flight {
  readonly arrived: PromiseWithResolvers<void>
  readonly stored: PromiseWithResolvers<void>
  readonly ended: PromiseWithResolvers<void>
  priority: Priority
  /** Of each asker that is on its way to it. */
  readonly dues: Set<() => number>
  isHere: boolean
  /** While somebody may read them. Not in a map: V8 keeps what a map once held until a full collection. */
  bytes: VerifiedBytes | undefined
  /** A reader was given the bytes, and may still be sending them. */
  isLent: boolean
  /** They are stored, or dropped. */
  isOver: boolean
  leases: number
  readonly abort: AbortController
  linger: NodeJS.Timeout | undefined
}

const LEFT = new Error('nobody waits for the chunk any more')

export const createFlights = ({ source }: { source: ChunkSource }, { lingerMs }: Pick<Limits, 'lingerMs'>): Flights => {
  const flights = new Map<string, Flight>()
  const recent = createRecent()

  const end = (key: string, flight: Flight, reason: unknown): void => {
    clearTimeout(flight.linger)
    if (flights.get(key) === flight) flights.delete(key)
    flight.abort.abort(reason)
  }

  const run = async (job: ChunkJob, flight: Flight): Promise<void> => {
    if (!(await job.find())) {
      const { priority, dues, abort } = flight
      const { signal } = abort
      signal.throwIfAborted()
      const chunk = await source.fetch(job.want, { priority, signal, dueMs: () => soonest(dues) })
      try {
        requireWanted(job.want, chunk.bytes)
        if (flight.leases > 0) recent.add(flight, chunk.bytes)
        arrive(flight)
        await job.store(chunk)
      } finally {
        flight.isOver = true
        if (flight.bytes === undefined) freeUnread(flight, chunk.bytes)
        chunk.release()
      }
    }
    arrive(flight)
    flight.stored.resolve()
  }

  const begin = (job: ChunkJob, priority: Priority): Flight => {
    const flight: Flight = {
      arrived: observed(),
      stored: observed(),
      ended: Promise.withResolvers(),
      priority,
      dues: new Set(),
      isHere: false,
      bytes: undefined,
      isLent: false,
      isOver: false,
      leases: 0,
      abort: new AbortController(),
      linger: undefined,
    }
    flights.set(job.key, flight)
    void run(job, flight)
      .catch((error: unknown) => {
        flight.arrived.reject(error) // says nothing where the bytes have arrived, and only storing them failed
        flight.stored.reject(error)
      })
      .finally(() => {
        end(job.key, flight, LEFT)
        flight.ended.resolve()
      })
    return flight
  }

  const leave = (key: string, flight: Flight): void => {
    flight.leases -= 1
    if (flight.leases > 0) return
    recent.drop(flight)
    if (flight.isHere || flights.get(key) !== flight) return
    if (flight.priority !== 'reader') end(key, flight, LEFT)
    else flight.linger = setTimeout(() => end(key, flight, LEFT), lingerMs)
  }

  const raise = (want: ChunkWant, flight: Flight, priority: Priority): void => {
    if (!isSooner(priority, flight.priority)) return
    flight.priority = priority
    source.raise(want, priority)
  }

  return {
    ask: (job, priority, dueMs) => {
      const flight = flights.get(job.key) ?? begin(job, priority)
      raise(job.want, flight, priority)
      if (dueMs !== undefined) flight.dues.add(dueMs)
      flight.leases += 1
      clearTimeout(flight.linger)
      let held = true
      return {
        arrived: flight.arrived.promise,
        stored: flight.stored.promise,
        ended: flight.ended.promise,
        isHere: () => flight.isHere,
        bytes: () => {
          flight.isLent ||= flight.bytes !== undefined
          return flight.bytes
        },
        raise: (sooner) => raise(job.want, flight, sooner),
        release: () => {
          if (dueMs !== undefined) flight.dues.delete(dueMs)
          if (held) leave(job.key, flight)
          held = false
        },
      }
    },
    stop: async () => {
      const all = [...flights]
      for (const [key, flight] of all) end(key, flight, new MeshError('unreachable', 'this node is stopping'))
      await Promise.all(all.map(([, { ended }]) => ended.promise))
    },
  }
}

/** The source verifies what it hands out; that it is what was asked for is cheap to see. */
const requireWanted = (want: ChunkWant, bytes: VerifiedBytes): void => {
  if (bytes.sha256 !== want.sha256 || bytes.length !== want.length)
    throw new MeshError('bad-bytes', `chunk ${want.index} of ${want.set} is not what its list says`)
}

/** Most chunks are stored and that is all: their memory is wanted for the next ones. */
const freeUnread = ({ isLent }: Flight, { parts }: VerifiedBytes): void => {
  if (!isLent) freeOwned(parts)
}

const arrive = (flight: Flight): void => {
  flight.isHere = true
  flight.arrived.resolve()
}

const soonest = (dues: ReadonlySet<() => number>): number => {
  let ms = Infinity
  for (const due of dues) ms = Math.min(ms, due())
  return ms
}

const isSooner = (a: Priority, b: Priority): boolean => PRIORITIES.indexOf(a) < PRIORITIES.indexOf(b)

/** Whoever waits for it hears of a failure; nobody has to wait. */
const observed = (): PromiseWithResolvers<void> => {
  const made = Promise.withResolvers<void>()
  made.promise.catch(() => {})
  return made
}

/**
 * Chunks just received, for as long as somebody has a lease on them: readers take them from here instead of from the disk.
 * Beyond a bound the oldest goes first.
 */
interface Recent {
  add(flight: Flight, bytes: VerifiedBytes): void
  drop(flight: Flight): void
}

const createRecent = (): Recent => {
  const kept = new Set<Flight>()
  let total = 0
  const drop = (flight: Flight): void => {
    const { bytes } = flight
    if (bytes === undefined || !kept.delete(flight)) return
    total -= bytes.length
    flight.bytes = undefined
    if (flight.isOver) freeUnread(flight, bytes)
  }
  return {
    add: (flight, bytes) => {
      flight.bytes = bytes
      kept.add(flight)
      total += bytes.length
      for (const oldest of kept) {
        if (total <= RECENT_BYTES) return
        drop(oldest)
      }
    },
    drop,
  }
}
