import { describe, expect, it } from 'vitest'
import { KIB } from '@hubmesh/content'
import type { Request, Scheduler } from '../src/schedule/index.ts'
import { COUNT, SET, createSchedulerLab, indexesOf } from './support/scheduler-lab.ts'

describe('under a cap', () => {
  const CHUNK = 256 * KIB
  const RATE = 4 * CHUNK // one a quarter of a second, and 1.6 at once
  const bytesOf = (requests: readonly Request[]): number => requests.length * CHUNK
  /** Asks each 10 ms; each chunk is here at once. */
  const run = (
    scheduler: Scheduler,
    { from = 0, ms }: { from?: number; ms: number },
  ): { at: number; of: Request }[] => {
    const asked: { at: number; of: Request }[] = []
    for (let now = from; now < from + ms; now += 10) {
      for (const of of scheduler.next(now)) {
        asked.push({ at: now, of })
        scheduler.received(of.path, CHUNK, now)
        scheduler.ended(of, 'arrived', now)
        scheduler.drop(of.want)
      }
    }
    return asked
  }

  it.each([
    ['total', 'reader'],
    ['readers', 'ahead'],
    ['readers', 'whole'],
    ['prefetch', 'prefetch'],
    ['otherSites', 'reader'],
  ] as const)('of %s, no more is asked for as %s than it lets in', (name, priority) => {
    const { scheduler, peer, want } = createSchedulerLab()
    scheduler.cap({ [name]: RATE })
    want(COUNT, priority)
    peer('far')
    const asked = run(scheduler, { ms: 10_000 })
    for (const [before, { at }] of asked.entries())
      expect((before + 1) * CHUNK).toBeLessThanOrEqual((RATE * (at + 400)) / 1000 + CHUNK)
    expect(asked.length).toBeGreaterThanOrEqual(39)
  })

  it('of a kind, another kind goes on', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    scheduler.cap({ prefetch: RATE })
    want(100, 'prefetch')
    want(8, 'reader', 200)
    peer('far')
    expect(indexesOf(scheduler.next(0)).slice(0, 8)).toEqual([200, 201, 202, 203, 204, 205, 206, 207])
    expect(bytesOf(scheduler.next(1))).toBe(0)
    want(8, 'whole', 300)
    expect(scheduler.next(2)).toHaveLength(8)
  })

  it('a reader is next, however much was wanted before him', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    scheduler.cap({ total: RATE })
    want(100, 'prefetch')
    peer('far')
    run(scheduler, { ms: 1000 })
    want(4, 'reader', 200)
    const asked = run(scheduler, { from: 1000, ms: 2000 })
    expect(indexesOf(asked.map(({ of }) => of)).slice(0, 5)).toEqual([200, 201, 202, 203, expect.any(Number)])
    expect(asked[0]?.at).toBeLessThanOrEqual(1260) // one chunk was on credit
  })

  it('of other sites, what stands at this site is asked all the same', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    scheduler.cap({ otherSites: RATE })
    want(20, 'whole')
    peer('far')
    expect(scheduler.next(0)).toHaveLength(2)
    peer('near', { has: [10, 11, 12], sameSite: true })
    const more = scheduler.next(60)
    expect(more.map(({ path }) => path.peerId)).toEqual(['near', 'near', 'near'])
  })

  it('nothing is asked twice for which there is nothing left', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    scheduler.cap({ total: RATE / 4 })
    want(1, 'reader')
    peer('first')
    expect(scheduler.next(0)).toHaveLength(1)
    peer('second')
    expect(scheduler.next(400)).toEqual([]) // it is late
    scheduler.cap({})
    expect(scheduler.next(460).map(({ path }) => path.peerId)).toEqual(['second'])
  })

  it('of now: what holds may change at any time', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    scheduler.cap({ total: RATE })
    want(40, 'whole')
    peer('far')
    expect(scheduler.next(0)).toHaveLength(2)
    scheduler.cap({})
    expect(scheduler.next(1).length).toBeGreaterThan(10)
  })

  it('a chunk is expected no sooner than it may be asked for', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    scheduler.cap({ readers: RATE })
    want(8, 'reader')
    peer('far')
    scheduler.next(0)
    const wait = scheduler.outlook({ set: SET, index: 300, length: CHUNK }, 0)
    expect(wait).toBeGreaterThan(100)
    scheduler.cap({})
    expect(scheduler.outlook({ set: SET, index: 300, length: CHUNK }, 0)).toBeLessThan(100)
  })
})
