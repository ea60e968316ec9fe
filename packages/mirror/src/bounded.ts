import { orAbort } from '@hubmesh/content'

/** Runs work for each item in order, `width` at a time. The first failure ends the signal of all others, and is thrown. */
export const forEachBounded = async <T>(
  items: Iterable<T>,
  { width, signal }: { width: number; signal: AbortSignal },
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const controller = new AbortController()
  const leave = (): void => controller.abort(signal.reason)
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave)
  const iterator = items[Symbol.iterator]()
  const lane = async (): Promise<void> => {
    for (let step = iterator.next(); step.done !== true; step = iterator.next()) {
      controller.signal.throwIfAborted()
      await work(step.value, controller.signal)
    }
  }
  try {
    await Promise.all(
      Array.from({ length: width }, () =>
        lane().catch((error: unknown) => {
          controller.abort(error)
          throw error
        }),
      ),
    )
  } finally {
    signal.removeEventListener('abort', leave)
  }
}

/** So much may be under way at a time, first come first served. */
export interface Budget {
  /** Returns the way to give it back. */
  take(bytes: number, signal: AbortSignal): Promise<() => void>
}

export const createBudget = (most: { count: number; bytes: number }): Budget => {
  const waiting: { bytes: number; begin: () => void }[] = []
  let count = 0
  let used = 0

  const fits = (bytes: number): boolean => count === 0 || (count < most.count && used + bytes <= most.bytes)
  const admit = (bytes: number): void => {
    count += 1
    used += bytes
  }
  const serve = (): void => {
    for (let first = waiting[0]; first !== undefined && fits(first.bytes); first = waiting[0]) {
      waiting.shift()
      admit(first.bytes)
      first.begin()
    }
  }
  const giveBack = (bytes: number): (() => void) => {
    let given = false
    return () => {
      if (given) return
      given = true
      count -= 1
      used -= bytes
      serve()
    }
  }
  return {
    take: async (bytes, signal) => {
      signal.throwIfAborted()
      if (waiting.length === 0 && fits(bytes)) {
        admit(bytes)
        return giveBack(bytes)
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      const turn = { bytes, begin: resolve }
      waiting.push(turn)
      try {
        await orAbort(promise, signal)
      } catch (error) {
        const place = waiting.indexOf(turn)
        if (place < 0) giveBack(bytes)() // its turn came in the same moment
        else waiting.splice(place, 1)
        throw error
      }
      return giveBack(bytes)
    },
  }
}
