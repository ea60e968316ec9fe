import { describe, expect, it } from 'vitest'
import { KIB, MIB } from '@hubmesh/content'
import type { Path, Request } from '../src/schedule/index.ts'
import { SET, createSchedulerLab, indexesOf } from './support/scheduler-lab.ts'

const COUNT_AHEAD = 8
/** Fewer than what is taken over when there is nothing else to do. */
const COUNT_LEFT = 24
const NEVER = (): number => Infinity
const from = (requests: readonly Request[], path: Path): number[] => indexesOf(requests.filter((r) => r.path === path))
const ahead = Array.from({ length: COUNT_AHEAD }, (_, index) => index)

describe('what is read ahead, where a node of our site gives two chunks a second', () => {
  const lab = (dueMs?: () => number) => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(COUNT_AHEAD, 'ahead', 0, dueMs)
    const [near, far] = [peer('near', { sameSite: true, rate: 512 * KIB }), peer('far')]
    return { scheduler, near, far, requests: scheduler.next(1) }
  }

  it.each([
    ['without a due time', undefined],
    ['for a reader whose speed is not known', NEVER],
    ['that is due later', () => 60_000],
    ['that nobody can bring in time', () => 5],
  ])('comes from there %s', (_which, dueMs) => {
    const { requests, near, far } = lab(dueMs)
    expect(from(requests, near)).not.toEqual([])
    expect(from(requests, far)).toEqual([])
  })

  it('comes from there as far as that is in time, and the rest from outside as if a reader waited for it', () => {
    const { requests, near, far } = lab(() => 1700)
    expect(from(requests, near)).toEqual([0, 1]) // at 0.5 s each; the third, which is in time too, waits for room there
    expect(from(requests, far)).toEqual([3, 4, 5, 6, 7])
    expect(new Set(requests.map(({ path, priority }) => `${path.peerId} ${priority}`))).toEqual(
      new Set(['near ahead', 'far reader']),
    )
  })
})

describe('what is urgent', () => {
  it('is asked for after what a reader waits for and before all else, the soonest due first', () => {
    const { scheduler, peer, want } = createSchedulerLab({ length: MIB })
    want(4, 'ahead', 0, () => 60_000)
    want(2, 'ahead', 10, () => 5500)
    want(2, 'ahead', 20, () => 3500)
    want(1, 'whole', 30)
    want(1, 'reader', 40)
    const path = peer('far', { rate: MIB })
    const order: number[] = []
    for (let now = 1; order.length < 10; now += 1) {
      const [request] = scheduler.next(now) // one at a time fills the window
      expect(path.inFlight).toBe(1)
      order.push(request!.want.index)
      scheduler.drop(request!.want)
      scheduler.ended(request!, 'arrived', now)
    }
    expect(order).toEqual([40, 20, 21, 10, 11, 0, 1, 2, 3, 30])
  })

  it.each([
    ['is so as long as its reader goes on', 5500, 10],
    ['is so no longer when its reader stands still', Infinity, 0],
  ])('%s', (_what, dueThen, first) => {
    let due = 5500
    const { scheduler, peer, want } = createSchedulerLab({ length: MIB })
    want(1, 'reader', 40)
    want(4, 'ahead', 0)
    want(1, 'ahead', 10, () => due)
    peer('far', { rate: MIB })
    peer('idle', { has: [] }) // has room all the time, so that it is looked what is at risk
    const [request] = scheduler.next(1) // fills the window, while the others wait
    expect(request!.want.index).toBe(40)
    due = dueThen
    expect(scheduler.next(100)).toEqual([])
    scheduler.drop(request!.want)
    scheduler.ended(request!, 'arrived', 101)
    expect(indexesOf(scheduler.next(101))).toEqual([first])
  })
})

describe('what is left to a node of our site', () => {
  /** About half of the chunks are that node's to bring in; ours have come. */
  const pair = (dueMs: () => number) => {
    const { scheduler, peer, want } = createSchedulerLab()
    peer('far')
    const mate = peer('mate', { sameSite: true, has: [] })
    want(COUNT_LEFT, 'ahead', 0, dueMs)
    const requests = scheduler.next(1)
    for (const request of requests) {
      scheduler.drop(request.want)
      scheduler.ended(request, 'arrived', 1)
    }
    const ours = indexesOf(requests)
    const theirs = Array.from({ length: COUNT_LEFT }, (_, index) => index).filter((index) => !ours.includes(index))
    return { scheduler, mate, ours, theirs }
  }

  it('stays with it while there is time, also for a reader that stands still', () => {
    for (const due of [Infinity, 5000]) {
      const { scheduler, ours } = pair(() => due)
      expect(ours.length).toBeGreaterThan(4)
      expect(ours.length).toBeLessThan(20)
      expect(scheduler.next(600)).toEqual([])
    }
  })

  it('is fetched all the same once it would come too late from there, long before that has let us down', () => {
    let now = 1
    const { scheduler, mate, theirs } = pair(() => 801 - now)
    now = 300
    expect(scheduler.next(now)).toEqual([])
    now = 500
    expect(indexesOf(scheduler.next(now)).toSorted((a, b) => a - b)).toEqual(theirs)
    expect(mate.letDownUntil).toBe(0)
  })

  it('is fetched at once when that took too long for others before', () => {
    let due = Infinity
    const { scheduler, mate, theirs } = pair(() => due)
    scheduler.holdings.gain(mate, SET, theirs.slice(0, 4), 900)
    scheduler.touch()
    expect(scheduler.next(900)).toHaveLength(4)
    expect(mate.bringMs).toBe(899)
    due = 500
    scheduler.want({ set: SET, index: theirs[4]!, length: 256 * KIB, priority: 'ahead', dueMs: () => due }, 910)
    expect(indexesOf(scheduler.next(910))).toContain(theirs[4])
  })
})

describe('what is under way and would come too late', () => {
  const underWay = (count: number, dueMs?: () => number, helper: { sameSite?: boolean } = {}) => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(count, 'ahead', 0, dueMs)
    want(1, 'prefetch', 100)
    peer('rare', { has: [100], restUntil: 60_000 }) // so that this is not the end, where all is asked twice
    peer('slow', { rate: 200 * KIB, has: ahead })
    const first = scheduler.next(1)
    peer('helper', { ...helper, has: ahead })
    return { scheduler, first }
  }

  it('is asked of one more that brings it in time, and not while there is time', () => {
    expect(underWay(1).scheduler.next(2)).toEqual([])
    expect(underWay(1, () => 1400).scheduler.next(2)).toEqual([])
    const { scheduler } = underWay(1, () => 1000)
    expect(scheduler.next(2).map(({ path, priority }) => [path.peerId, priority])).toEqual([['helper', 'reader']])
    expect(scheduler.next(100)).toEqual([])
    expect(underWay(1, () => 10).scheduler.next(2)).toEqual([]) // neither brings it in time
  })
})
