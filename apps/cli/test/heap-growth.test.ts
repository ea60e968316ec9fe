import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { followWork } from '../src/heap-growth.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('lets the heap double while the process works, and by less while it rests', () => {
  const shares = [0.9, 0.1, 0.2, 0.7, 0.6, 0.05]
  const set: [look: number, percent: number][] = []
  let look = 0
  followWork({
    busyShare: () => shares[look++] ?? 0,
    setPercent: (percent) => void set.push([look, percent]),
  })
  vi.advanceTimersByTime(500 * shares.length)
  expect(look).toBe(shares.length)
  expect(set).toEqual([
    [2, 30],
    [4, 100],
    [6, 30],
  ])
})
