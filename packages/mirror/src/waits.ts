import { MeshError, type Swarm, isMeshError, orAbort } from '@hubmesh/content'
import { RETRY_AFTER_SECONDS } from './limits.ts'

/** After `not-ready` with no new peer in sight. */
const PAUSE_MS = 2_000

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

/** The promise's outcome; undefined when it takes longer. */
export const within = async <T>(promise: Promise<T>, ms: number, signal: AbortSignal): Promise<T | undefined> => {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), ms)
  try {
    return await orAbort(Promise.race([promise, late]), signal)
  } finally {
    clearTimeout(timer)
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

/** One run of a task for all who want the same at the same time. It is ended when the last of them has left. */
export interface Shared<T> {
  join(key: string, signal: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T>
}

interface Run<T> {
  readonly controller: AbortController
  readonly result: Promise<T>
  waiting: number
}

export const createShared = <T>(): Shared<T> => {
  const runs = new Map<string, Run<T>>()

  const forget = (key: string, run: Run<T>): void => {
    if (runs.get(key) === run) runs.delete(key)
  }
  const begin = (key: string, task: (signal: AbortSignal) => Promise<T>): Run<T> => {
    const controller = new AbortController()
    const run: Run<T> = { controller, result: task(controller.signal), waiting: 0 }
    runs.set(key, run)
    const end = (): void => forget(key, run)
    run.result.then(end, end)
    return run
  }

  return {
    join: async (key, signal, task) => {
      signal.throwIfAborted()
      const run = runs.get(key) ?? begin(key, task)
      run.waiting += 1
      try {
        return await orAbort(run.result, signal)
      } finally {
        run.waiting -= 1
        if (run.waiting === 0) {
          forget(key, run)
          run.controller.abort(new Error('nobody waits for it any more'))
        }
      }
    },
  }
}
