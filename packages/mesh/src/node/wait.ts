/** Resolves after some time, or at once when the signal ends; never rejects. */
export const wait = async (ms: number, signal: AbortSignal): Promise<void> => {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const onAbort = (): void => resolve()
  const timer = setTimeout(onAbort, ms)
  signal.addEventListener('abort', onAbort)
  try {
    await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

/** Lets the event loop see to everything else first. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The promise's outcome, or the signal's reason as soon as that ends. */
export const unlessAborted = async <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> => {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    if (signal.aborted) onAbort() // not thrown at once: nobody would hear of the promise's failure
    return await Promise.race([aborted, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** A time within a third of the given one, so that many nodes do not do the same at once. */
export const jitter = (ms: number): number => ms * (2 / 3 + (Math.random() * 2) / 3)
