import { describe, expect, it } from 'vitest'
import { KIB, MIB, type Priority } from '@hubmesh/content'
import { SET, byNumber, createSchedulerLab, indexesOf, upTo } from './support/scheduler-lab.ts'

describe('what two nodes of a site fetch at once', () => {
  const pair = (priority: Priority, self = 'self', mate = 'mate') => {
    const lab = createSchedulerLab({ self, length: KIB })
    lab.want(100, priority)
    const far = lab.peer('far')
    const path = lab.peer(mate, { sameSite: true, has: [] })
    return { ...lab, far, mate: path }
  }

  it('each brings in a part of, and none of it both', () => {
    const ours = indexesOf(pair('whole').scheduler.next(1))
    const theirs = indexesOf(pair('whole', 'mate', 'self').scheduler.next(1))
    expect([...ours, ...theirs].toSorted(byNumber)).toEqual(upTo(100))
    for (const part of [ours, theirs]) expect(part.length).toBeGreaterThan(30)
  })

  it('is fetched by who is left alone, at once', () => {
    const { scheduler, mate } = pair('prefetch')
    const ours = scheduler.next(1)
    scheduler.unlink(mate)
    expect(ours.length + scheduler.next(2).length).toBe(100)
  })

  it('is waited for while the other brings some of it in, and then fetched, telling by that who lets us down', () => {
    const { scheduler, far, mate } = pair('ahead')
    const ours = scheduler.next(1)
    Object.assign(far, { heardBytes: MIB, heardAt: 1900 })
    const left = upTo(100).filter((index) => !indexesOf(ours).includes(index))
    const brought = left.slice(0, 1)
    scheduler.holdings.gain(mate, SET, brought, 900)
    scheduler.touch()
    expect(indexesOf(scheduler.next(900))).toEqual(brought)
    expect(scheduler.next(1800).filter(({ path }) => path !== mate && !path.sameSite).length).toBeLessThanOrEqual(
      left.length - 8,
    )
    const late = scheduler.next(2000)
    expect(late.length).toBeGreaterThan(0)
    expect(mate.letDownUntil).toBe(12_000)
  })

  it('stays with the other while that brings it in quickly, however little else there is to do', () => {
    const { scheduler, mate } = pair('whole')
    const requests = scheduler.next(1)
    const ours = new Set(indexesOf(requests))
    for (const request of requests) {
      scheduler.ended(request, 'arrived', 2)
      scheduler.drop(request.want)
    }
    const left = upTo(100).filter((index) => !ours.has(index))
    for (const [at, index] of left.slice(0, -20).entries()) {
      const now = 50 * (at + 1)
      scheduler.holdings.gain(mate, SET, [index], now)
      scheduler.touch()
      for (const request of scheduler.next(now)) {
        expect(request.path).toBe(mate)
        scheduler.ended(request, 'arrived', now)
        scheduler.drop(request.want)
      }
      expect(scheduler.next(now + 1)).toEqual([])
    }
  })

  it('is taken from the other as soon as that has it', () => {
    const { scheduler, mate } = pair('ahead')
    scheduler.next(1)
    scheduler.holdings.gain(mate, SET, upTo(100), 2)
    const got = scheduler.next(3)
    expect(got.length).toBeGreaterThan(0)
    expect(new Set(got.map(({ path }) => path))).toEqual(new Set([mate]))
  })

  it('is not waited for by a reader', () => {
    expect(pair('reader').scheduler.next(1)).toHaveLength(100)
  })
})
