import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MIB } from '@hubmesh/content'
import { createFlusher } from '../src/flusher.ts'

const A_WHILE_MS = 1000

describe('bytes that are written while others become durable', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it.each([1, 9 * MIB])('become durable soon after, also where %i are the last', async (bytes) => {
    const slow = Promise.withResolvers<void>()
    const persist = vi.fn(() => slow.promise)
    const flusher = createFlusher(persist)
    await flusher.write(1, async () => {})
    await vi.advanceTimersByTimeAsync(A_WHILE_MS)
    await flusher.write(bytes, async () => {})
    await vi.advanceTimersByTimeAsync(A_WHILE_MS)
    expect(persist).toHaveBeenCalledTimes(1)
    slow.resolve()
    await vi.advanceTimersByTimeAsync(A_WHILE_MS)
    expect(persist).toHaveBeenCalledTimes(2)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('do not keep a later write waiting', async () => {
    const slow = Promise.withResolvers<void>()
    const persist = vi.fn(() => slow.promise)
    const flusher = createFlusher(persist)
    for (let writes = 0; writes < 2; writes += 1) {
      await flusher.write(1, async () => {})
      await vi.advanceTimersByTimeAsync(A_WHILE_MS)
    }
    slow.resolve()
    await vi.advanceTimersByTimeAsync(0)
    await flusher.write(1, async () => {})
    await vi.advanceTimersByTimeAsync(A_WHILE_MS)
    expect(persist).toHaveBeenCalledTimes(2)
  })
})

describe('a flush', () => {
  it('covers what was written before it, and tells of a failure once', async () => {
    const persist = vi.fn(async () => {})
    const flusher = createFlusher(persist)
    persist.mockRejectedValueOnce(new Error('the disk is gone'))
    await flusher.write(1, async () => {})
    await expect(flusher.flush()).rejects.toThrow('the disk is gone')
    await flusher.flush()
    await flusher.close()
    expect(persist).toHaveBeenCalledTimes(3)
  })
})
