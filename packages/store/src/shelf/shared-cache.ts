/** Opened things by key, shared by those who use them at the same time; the least recently used are closed. */
export interface SharedCache<K, V> {
  /** Undefined when there is nothing to open. */
  use<T>(key: K, work: (value: V) => Promise<T>): Promise<T | undefined>
  /** Not used for new work any more; closed when those at work are done. */
  drop(key: K): void
  close(): Promise<void>
}

export interface SharedCacheOptions<K, V> {
  readonly open: (key: K) => Promise<V | undefined>
  readonly close: (value: V) => Promise<void>
  /** What a value weighs, and how much may be open; the one used last always may. */
  readonly weigh: (value: V) => number
  readonly capacity: number
  /** How many may be at work at a time: each may open something that is not counted yet. The others wait, in order. */
  readonly atOnce: number
}

interface Slot<V> {
  readonly value: Promise<V | undefined>
  weight: number
  users: number
  isDropped: boolean
}

export const createSharedCache = <K, V>(options: SharedCacheOptions<K, V>): SharedCache<K, V> => {
  const { open, close, weigh, capacity, atOnce } = options
  const slots = new Map<K, Slot<V>>()
  const closing = new Set<Promise<void>>()
  let total = 0
  let working = 0
  const waiting: (() => void)[] = []

  const begin = async (): Promise<void> => {
    if (working < atOnce) working += 1
    else await new Promise<void>((resolve) => waiting.push(resolve)) // whoever ends hands its place on
  }

  const end = (): void => {
    const next = waiting.shift()
    if (next === undefined) working -= 1
    else next()
  }

  const openSlot = (key: K): Slot<V> => {
    const slot: Slot<V> = { value: open(key), weight: 0, users: 0, isDropped: false }
    slots.set(key, slot)
    return slot
  }

  const weighIn = (slot: Slot<V>, value: V): void => {
    if (slot.isDropped || slot.weight > 0) return
    slot.weight = weigh(value)
    total += slot.weight
    for (const [oldest, other] of slots) {
      if (total <= capacity || other === slot) break
      drop(oldest)
    }
  }

  const drop = (key: K): void => {
    const slot = slots.get(key)
    if (slot === undefined) return
    slots.delete(key)
    total -= slot.weight
    slot.isDropped = true
    if (slot.users === 0) closeSlot(slot)
  }

  const closeSlot = (slot: Slot<V>): void => {
    const task = slot.value
      .then((value) => (value === undefined ? undefined : close(value)))
      .catch(() => {}) // what could not be opened needs no closing; a file that was only read loses nothing
      .finally(() => closing.delete(task))
    closing.add(task)
  }

  const use = async <T>(key: K, work: (value: V) => Promise<T>): Promise<T | undefined> => {
    await begin()
    try {
      return await useNow(key, work)
    } finally {
      end()
    }
  }

  const useNow = async <T>(key: K, work: (value: V) => Promise<T>): Promise<T | undefined> => {
    const slot = slots.get(key) ?? openSlot(key)
    slots.delete(key)
    slots.set(key, slot) // the last used comes last
    slot.users += 1
    try {
      const value = await slot.value
      if (value === undefined) {
        if (slots.get(key) === slot) slots.delete(key)
        return undefined
      }
      weighIn(slot, value)
      return await work(value)
    } catch (error) {
      if (slot.weight === 0 && slots.get(key) === slot) slots.delete(key) // it could not be opened
      throw error
    } finally {
      slot.users -= 1
      if (slot.isDropped && slot.users === 0) closeSlot(slot)
    }
  }

  return {
    use,
    drop,
    close: async () => {
      for (const key of slots.keys()) drop(key)
      await Promise.all(closing)
    },
  }
}
