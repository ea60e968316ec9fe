import { setTimeout as delay } from 'node:timers/promises'
import { isMeshError } from '@hubmesh/content'

/** Exponential back-off. In milliseconds. */
export interface BackOff {
  /** After the first failure; doubled after each further one. */
  readonly baseMs: number
  readonly maxMs: number
}

/**
 * The longest Retry-After that a request sits out: the Hub counts in windows of 5 minutes. What takes longer is given back to
 * the caller, who has other things to do.
 */
export const MAX_PATIENCE_MS = 6 * 60_000

/** With jitter (the upper half of the span is drawn from), so that what failed together does not come back together. */
export const backOffMs = (failures: number, { baseMs, maxMs }: BackOff): number =>
  Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30)) * (0.5 + Math.random() / 2)

/** How long to wait after an error: the back-off, and on top what the other side asked for. */
export const waitMs = (error: unknown, failures: number, backOff: BackOff): number =>
  backOffMs(failures, backOff) + (isMeshError(error) ? (error.retryAfter ?? 0) * 1000 : 0)

/** What may go away by itself: nobody there, cut off, 408, 429, 5xx. */
export const isTransient = (error: unknown): boolean => isMeshError(error, 'unreachable') || isMeshError(error, 'busy')

/** @throws the signal's reason */
export const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
  try {
    await delay(ms, undefined, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}

/** Tries again what failed transiently. @throws what the last try threw, or the signal's reason */
export const withRetries = async <T>(
  attempt: () => Promise<T>,
  { tries, backOff, signal }: { tries: number; backOff: BackOff; signal: AbortSignal },
): Promise<T> => {
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt()
    } catch (error) {
      signal.throwIfAborted()
      const wait = waitMs(error, failures, backOff)
      if (!isTransient(error) || failures >= tries || wait > MAX_PATIENCE_MS) throw error
      await sleep(wait, signal)
    }
  }
}
