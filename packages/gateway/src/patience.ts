import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError, isMeshError } from '@hubmesh/content'

/** From a request for file bytes to the first of them, or a 429: the client hangs up after 10 s. */
export const BYTES_PATIENCE_MS = 9_000
/** `revision`, `tree` and the like: their clients have no time-out but never ask again, so waiting beats refusing. */
export const API_PATIENCE_MS = 60_000

const MIN_PAUSE_MS = 250
const MAX_PAUSE_MS = 2_000

/** How long may be waited, for all that one request waits for. Dispose of it when there is nothing more to wait for. */
export interface Deadline extends Disposable {
  /** By `performance.now()`. */
  readonly at: number
  /**
   * Runs `ask` with a signal that ends at the deadline; does not rely on `ask` to heed it.
   * @throws MeshError `not-ready` when time is up, else what `ask` throws
   */
  run<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T>
}

/** @throws the signal's reason when it has ended */
export const createDeadline = ({ signal, ms }: { signal: AbortSignal; ms: number }): Deadline => {
  signal.throwIfAborted()
  const controller = new AbortController()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  ended.catch(() => {}) // whoever waits hears of it
  const end = (reason: unknown): void => {
    controller.abort(reason)
    reject(reason)
  }
  const leave = (): void => end(signal.reason)
  signal.addEventListener('abort', leave)
  const timer = setTimeout(
    () => end(new MeshError('not-ready', 'nothing is known of it yet', { retryAfter: 5 })),
    Math.max(0, ms),
  )
  return {
    at: performance.now() + ms,
    run: (ask) => (controller.signal.aborted ? ended : Promise.race([ask(controller.signal), ended])),
    [Symbol.dispose]: () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', leave)
    },
  }
}

/** `run` under a deadline of its own. @throws as `Deadline.run` */
export const within = async <T>(
  ask: (signal: AbortSignal) => Promise<T>,
  options: { signal: AbortSignal; ms: number },
): Promise<T> => {
  using deadline = createDeadline(options)
  return await deadline.run(ask)
}

/** `untilKnown` under a deadline of its own. @throws as `untilKnown` */
export const patiently = async <T>(
  ask: (signal: AbortSignal) => Promise<T>,
  { signal, patienceMs }: { signal: AbortSignal; patienceMs: number },
): Promise<T> => {
  using deadline = createDeadline({ signal, ms: patienceMs })
  return await untilKnown(ask, deadline)
}

/**
 * Asks until the answer is known, or the deadline comes.
 * @throws MeshError `not-ready` at the deadline, whatever else `ask` throws, and the signal's reason
 */
export const untilKnown = async <T>(ask: (signal: AbortSignal) => Promise<T>, deadline: Deadline): Promise<T> => {
  for (;;) {
    try {
      return await deadline.run(ask)
    } catch (error) {
      const pause = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, (retryAfterOf(error) ?? 1) * 1000))
      if (!isMeshError(error, 'not-ready') || performance.now() + pause > deadline.at) throw error
      await deadline.run((signal) => sleep(pause, undefined, { signal }))
    }
  }
}

const retryAfterOf = (error: unknown): number | undefined => (isMeshError(error) ? error.retryAfter : undefined)
