import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Bitmap, type ChunkShelf, encodeBlock } from '@hubmesh/content'
import { createArrivals } from '../src/exchange/arrivals.ts'
import { answerSchema, decodeMessage } from '../src/exchange/messages.ts'
import type { Outbox } from '../src/exchange/outbox.ts'
import { createSubscriptions } from '../src/exchange/subscriptions.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const SET = encodeBlock({ v: 1 }).cid

/** Chunks come every 10 ms: how many of them each `has` tells of. */
const tellsOf = async (chunks: number, { otherSite }: { otherSite: boolean }): Promise<number[]> => {
  const tells: number[] = []
  let onHave: Parameters<ChunkShelf['onHave']>[0] = () => {}
  const shelf: Partial<ChunkShelf> = {
    have: () => Promise.resolve(new Bitmap(chunks)),
    onHave: (listener) => {
      onHave = listener
      return () => {}
    },
  }
  const outbox: Partial<Outbox> = {
    settled: () => Promise.resolve(),
    send: (body) => {
      const { message } = decodeMessage(answerSchema, body)
      if (message.type === 'has') tells.push(message.indexes.length)
    },
  }
  const subscriptions = createSubscriptions({
    shelf: shelf as ChunkShelf,
    arrivals: createArrivals(shelf as ChunkShelf),
    outbox: outbox as Outbox,
    otherSite: () => otherSite,
    onFailure: (error) => {
      throw error
    },
  })
  await subscriptions.open(1, SET)
  for (let index = 0; index < chunks; index += 1) {
    onHave(SET, index)
    await vi.advanceTimersByTimeAsync(10)
  }
  await vi.advanceTimersByTimeAsync(1000)
  subscriptions.stop()
  return tells
}

it('what comes is told at once, and what comes soon after it together', async () => {
  expect(await tellsOf(1, { otherSite: true })).toEqual([1])
  const [first, ...later] = await tellsOf(16, { otherSite: false })
  expect(first).toBe(1)
  expect(sum(later)).toBe(15)
  expect(later.length).toBeLessThanOrEqual(4)
})

it('another site is told less often', async () => {
  const [first, ...later] = await tellsOf(41, { otherSite: true })
  expect(first).toBe(1)
  expect(sum(later)).toBe(40)
  expect(later.length).toBeLessThanOrEqual(3)
})

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
