/** A bound that many tasks share. */
export interface Slots {
  /** Waits for a free place, in order of asking. @throws the signal's reason while it waits */
  run<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T>
}

export const createSlots = (count: number): Slots => {
  let free = count
  const waiting = new Set<() => void>()

  const take = async (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted()
    if (free > 0) {
      free -= 1
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = (): void => {
      waiting.delete(resolve)
      reject(signal.reason as Error)
    }
    waiting.add(resolve)
    signal.addEventListener('abort', leave, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  /** A place goes straight to the next in line. */
  const give = (): void => {
    const [next] = waiting
    if (next === undefined) free += 1
    else {
      waiting.delete(next)
      next()
    }
  }

  return {
    run: async (task, signal) => {
      await take(signal)
      try {
        return await task()
      } finally {
        give()
      }
    },
  }
}

/** One thing at a time for each key. */
export const createKeyedSlots = (): {
  run<T>(key: string, task: () => Promise<T>, signal: AbortSignal): Promise<T>
} => {
  const slots = new Map<string, { slot: Slots; users: number }>()
  return {
    run: async (key, task, signal) => {
      const entry = slots.get(key) ?? { slot: createSlots(1), users: 0 }
      slots.set(key, entry)
      entry.users += 1
      try {
        return await entry.slot.run(task, signal)
      } finally {
        entry.users -= 1
        if (entry.users === 0) slots.delete(key)
      }
    },
  }
}

/**
 * Works through the items, at most `limit` at once. The first failure stops the others; it is thrown once all have come to
 * their end, so that nothing goes on behind the caller's back.
 */
export const forEachLimited = async <T>(
  items: Iterable<T>,
  { limit, signal }: { limit: number; signal: AbortSignal },
  task: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const queue = items[Symbol.iterator]()
  const work = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) {
      either.throwIfAborted()
      await task(next.value, either)
    }
  }
  const workers = Array.from({ length: limit }, () =>
    work().catch((error: unknown) => {
      failed.abort(error)
      throw error
    }),
  )
  await Promise.allSettled(workers)
  signal.throwIfAborted()
  failed.signal.throwIfAborted()
}

/** Promise.all whose first failure stops the others, and is thrown once they have ended. */
export const allTogether = async <T extends readonly unknown[]>(
  signal: AbortSignal,
  begin: (signal: AbortSignal) => { [K in keyof T]: Promise<T[K]> },
): Promise<T> => {
  const failed = new AbortController()
  const tasks = begin(AbortSignal.any([signal, failed.signal]))
  try {
    return await Promise.all(tasks)
  } catch (error) {
    failed.abort(error)
    await Promise.allSettled(tasks)
    throw error
  }
}
