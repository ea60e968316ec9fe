import { describe, expect, it } from 'vitest'
import { createTokenBucket } from '../src/index.ts'

const RATE = 1000
const HOLDS = 100

describe('a token bucket', () => {
  it('is full at first, and lets a piece go into debt that the next one waits for', () => {
    const bucket = createTokenBucket(HOLDS)
    expect(bucket.due(RATE, 5)).toBe(0)
    expect(bucket.take(500, RATE, 5)).toBe(0)
    expect(bucket.due(RATE, 5)).toBe(401) // 400 bytes of debt, and one to take
    expect(bucket.due(RATE, 405)).toBe(1)
    expect(bucket.due(RATE, 406)).toBe(0)
  })

  it('gathers no more than it holds', () => {
    const bucket = createTokenBucket(HOLDS)
    bucket.take(100, RATE, 0)
    expect(bucket.take(150, RATE, 60_000)).toBe(0)
    expect(bucket.due(RATE, 60_000)).toBe(51)
  })

  it('puts those who take at once in line', () => {
    const bucket = createTokenBucket(HOLDS)
    expect([1, 2, 3, 4].map(() => bucket.take(100, RATE, 0))).toEqual([0, 1, 101, 201])
  })

  it('pays a debt at the rate that holds now, and keeps no more of a higher one', () => {
    const bucket = createTokenBucket(HOLDS)
    bucket.take(1100, RATE, 0)
    expect(bucket.due(10 * RATE, 50)).toBeCloseTo(50.1)
    expect(bucket.due(10 * RATE, 1000)).toBe(0)
    bucket.due(RATE, 1000)
    bucket.take(100, RATE, 1000)
    expect(bucket.due(RATE, 1000)).toBe(1)
  })

  it.each([16, 700, 5000])(
    'never lets more through than its rate, what it holds and one piece, of %i bytes',
    (piece) => {
      const bucket = createTokenBucket(HOLDS)
      let passed = 0
      for (let now = 0; now < 20_000; now += 7) {
        while (bucket.due(RATE, now) === 0) {
          bucket.take(piece, RATE, now)
          passed += piece
        }
        expect(passed).toBeLessThanOrEqual((RATE * (now + HOLDS)) / 1000 + piece)
      }
      expect(passed).toBeGreaterThan((RATE * 19_000) / 1000)
    },
  )
})
