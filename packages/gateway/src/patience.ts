import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError, isMeshError } from '@hubmesh/content'

/** From a request for file bytes to the first of them, or a 429: the client hangs up after 10 s. */
export const BYTES_PATIENCE_MS = 9_000
/** `revision`, `tree` and the like: their clients have no time-out but never ask again, so waiting beats refusing. */
export const API_PATIENCE_MS = 60_000

const MIN_PAUSE_MS = 250
const MAX_PAUSE_MS = 2_000

/**
 * Asks until the answer is known, or patience ends.
 * @throws MeshError `not-ready` at the end of patience, whatever else `ask` throws, and the signal's reason
 */
export const patiently = async <T>(
  ask: (signal: AbortSignal) => Promise<T>,
  { signal, patienceMs }: { signal: AbortSignal; patienceMs: number },
): Promise<T> => {
  const end = performance.now() + patienceMs
  for (;;) {
    try {
      return await within(ask, { signal, ms: end - performance.now() })
    } catch (error) {
      const pause = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, (retryAfterOf(error) ?? 1) * 1000))
      if (!isMeshError(error, 'not-ready') || performance.now() + pause > end) throw error
      await sleep(pause, undefined, { signal })
    }
  }
}

/**
 * Runs `ask` with a signal that ends after `ms`; does not rely on `ask` to heed it.
 * @throws MeshError `not-ready` when time is up, else what `ask` throws
 */
export const within = async <T>(
  ask: (signal: AbortSignal) => Promise<T>,
  { signal, ms }: { signal: AbortSignal; ms: number },
): Promise<T> => {
  signal.throwIfAborted()
  const controller = new AbortController()
  const { promise: ended, reject } = Promise.withResolvers<never>()
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
  try {
    return await Promise.race([ask(controller.signal), ended])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', leave)
  }
}

const retryAfterOf = (error: unknown): number | undefined => (isMeshError(error) ? error.retryAfter : undefined)
