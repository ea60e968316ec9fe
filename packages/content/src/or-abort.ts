/** The promise's outcome, or the signal's reason if that ends first. What the promise stands for goes on. */
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
