import { describe, expect, it } from 'vitest'
import { KIB, MIB } from '@hubmesh/content'
import { createBufferPool } from '../src/body/buffer-pool.ts'

describe('buffers for a crowd', () => {
  it('are pieces of the large ones that were kept, no two the same bytes', () => {
    const pool = createBufferPool()
    const large = Array.from({ length: 4 }, () => pool.take(2 * MIB))
    for (const buffer of large) pool.give(buffer)
    const small = Array.from({ length: 64 }, () => pool.take(128 * KIB))
    small.forEach((buffer, at) => buffer.fill(at))
    expect(new Set(small.map(({ buffer }) => buffer))).toEqual(new Set(large.map(({ buffer }) => buffer)))
    expect(small.every((buffer, at) => buffer.length === 128 * KIB && buffer.every((byte) => byte === at))).toBe(true)
    expect(pool.usage()).toEqual({ used: 8 * MIB, kept: 0 })
  })

  it('are new where nothing larger is kept', () => {
    const pool = createBufferPool()
    pool.give(pool.take(64 * KIB))
    expect(pool.take(128 * KIB)).toHaveLength(128 * KIB)
    expect(pool.usage()).toEqual({ used: 128 * KIB, kept: 64 * KIB })
  })
})
