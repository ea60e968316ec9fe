import { MeshError, type Swarm, isMeshError } from '@hubmesh/content'
import { RETRY_AFTER_SECONDS } from './limits.ts'

/** After `not-ready` with no new peer in sight. */
const PAUSE_MS = 2_000

/** The promise's outcome, or the signal's reason if that ends first. */
export const orAbort = async <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> => {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const leave = (): void => reject(signal.reason)
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave)
  try {
    return await Promise.race([aborted, promise])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}

export interface Deadline {
  readonly signal: AbortSignal
  readonly ms: number
  /** What is thrown when time is up. */
  readonly late: () => unknown
}

/** Runs work with a signal that also ends after `ms`. */
export const withDeadline = async <T>(work: (signal: AbortSignal) => Promise<T>, deadline: Deadline): Promise<T> => {
  const { signal, ms, late } = deadline
  signal.throwIfAborted()
  const controller = new AbortController()
  const leave = (): void => controller.abort(signal.reason)
  signal.addEventListener('abort', leave)
  const timer = setTimeout(() => controller.abort(late()), ms)
  try {
    return await orAbort(work(controller.signal), controller.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', leave)
  }
}

/** Tries again after each `not-ready`, as soon as a peer has connected or a moment has passed, until the signal ends. */
export const untilReady = async <T>(
  attempt: () => Promise<T>,
  { swarm, signal }: { swarm: Swarm; signal: AbortSignal },
): Promise<T> => {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isMeshError(error, 'not-ready')) throw error
      await newPeerOrPause(swarm, signal)
    }
  }
}

export const notReady = (what: string, retryAfter = RETRY_AFTER_SECONDS, cause?: unknown): MeshError =>
  new MeshError('not-ready', what, { retryAfter: Math.max(1, Math.ceil(retryAfter)), cause })

const newPeerOrPause = async (swarm: Swarm, signal: AbortSignal): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = swarm.onPeer((_, connected) => {
    if (connected) resolve()
  })
  const timer = setTimeout(resolve, PAUSE_MS)
  try {
    await orAbort(promise, signal)
  } finally {
    clearTimeout(timer)
    stop()
  }
}
