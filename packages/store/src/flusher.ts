import { MIB } from '@hubmesh/content'

/**
 * Bytes after which a flush begins, and the longest that written bytes wait for one: a group commit costs one fdatasync and
 * one synced index batch for all of them.
 */
const FLUSH_BYTES = 8 * MIB
const FLUSH_MS = 200
/** Writers wait above this many bytes that are not durable: so much at most is fetched again after a kill or a power cut. */
const MAX_UNSYNCED_BYTES = 16 * MIB

export interface Flusher {
  /** Runs a write of so many bytes, once not too many are waiting to become durable. */
  write(bytes: number, work: () => Promise<void>): Promise<void>
  /** Makes durable all that was written before. */
  flush(): Promise<void>
  /** Flushes, and ends the timer. */
  close(): Promise<void>
}

/**
 * Batches durability behind writes. `persist` makes durable all that was written before it was called; it is called once at
 * a time. When it fails, what it was to persist counts as lost, and the next to write or flush is told.
 */
export const createFlusher = (persist: () => Promise<void>): Flusher => {
  /** Bytes that are being written or are not durable yet, and those of them that are written. */
  let unsynced = 0
  let written = 0
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let failure: { error: unknown } | undefined
  let waiting: (() => void)[] = []

  const run = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    const bytes = written
    written = 0
    try {
      await persist()
    } catch (error) {
      failure = { error }
    } finally {
      unsynced -= bytes
      running = undefined
      wake()
      schedule() // for what was written meanwhile
    }
  }

  const start = (): Promise<void> => (running ??= run())

  const schedule = (): void => {
    if (written === 0 || running !== undefined) return // the end of a run looks again
    if (written >= FLUSH_BYTES || waiting.length > 0) void start()
    else timer ??= setTimeout(() => void start(), FLUSH_MS)
  }

  const wake = (): void => {
    const woken = waiting
    waiting = []
    for (const resume of woken) resume()
  }

  const throwFailure = (): void => {
    const failed = failure
    failure = undefined
    if (failed !== undefined) throw failed.error
  }

  const waitForRoom = async (bytes: number): Promise<void> => {
    const hasNone = (): boolean => unsynced > 0 && unsynced + bytes > MAX_UNSYNCED_BYTES && failure === undefined
    while (hasNone()) {
      if (written > 0) void start()
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
    throwFailure()
  }

  const flush = async (): Promise<void> => {
    if (running !== undefined) await running // it may have begun before the last write
    await start()
    throwFailure()
  }

  return {
    write: async (bytes, work) => {
      await waitForRoom(bytes)
      unsynced += bytes
      try {
        await work()
      } catch (error) {
        unsynced -= bytes
        wake()
        throw error
      }
      written += bytes
      schedule()
    },
    flush,
    close: async () => {
      clearTimeout(timer)
      await flush()
    },
  }
}
