import { expect, it } from 'vitest'
import { createSharedCache } from '../src/shelf/shared-cache.ts'

const createCache = () => {
  const counts = { open: 0, most: 0 }
  const cache = createSharedCache<number, number>({
    open: async (key) => {
      counts.open += 1
      counts.most = Math.max(counts.most, counts.open)
      await new Promise((resolve) => setImmediate(resolve))
      if (key < 0) throw new Error('too many open files')
      return key
    },
    close: async () => void (counts.open -= 1),
    weigh: () => 1,
    capacity: 4,
    atOnce: 8,
  })
  return { cache, counts }
}

it('a thousand that are asked for at the same time are opened a few at a time, and all are answered', async () => {
  const { cache, counts } = createCache()
  const keys = Array.from({ length: 1000 }, (_, key) => key)
  expect(await Promise.all(keys.map((key) => cache.use(key, async (value) => value)))).toEqual(keys)
  expect(counts.most).toBeLessThanOrEqual(4 + 8)
  await cache.close()
  expect(counts.open).toBe(0)
})

it('one that cannot be opened leaves its place to the next', async () => {
  const { cache } = createCache()
  const failing = Array.from({ length: 20 }, (_, n) => cache.use(-1 - n, async (value) => value))
  for (const { status } of await Promise.allSettled(failing)) expect(status).toBe('rejected')
  expect(await cache.use(1, async (value) => value)).toBe(1)
})
