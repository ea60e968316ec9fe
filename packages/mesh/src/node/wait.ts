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

/** A time within a third of the given one, so that many nodes do not do the same at once. */
export const jitter = (ms: number): number => ms * (2 / 3 + (Math.random() * 2) / 3)
