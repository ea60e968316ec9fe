import { describe, expect, it } from 'vitest'
import { Bitmap, KIB, MIB } from '@hubmesh/content'
import { type Request, createPath, createScheduler } from '../src/schedule/index.ts'

const SET = 'a list'
const COUNT = 400

/** What is asked of a path of so many streams that gave so much in the last second. */
const askedOf = (
  streams: number,
  bytesPerSecond: number,
  wanted = COUNT,
): { requests: readonly Request[]; isShort: boolean } => {
  const scheduler = createScheduler({ self: 'self' })
  const path = Object.assign(createPath('far'), { rttMs: 100, streams })
  path.goodput.busy(1, -1000)
  path.goodput.received(bytesPerSecond, 0)
  path.goodput.busy(0, 0)
  scheduler.link(path)
  scheduler.holdings.tell(path, SET, Bitmap.full(COUNT), 0)
  for (let index = 0; index < wanted; index += 1)
    scheduler.want({ set: SET, index, length: 256 * KIB, priority: 'whole' }, 0)
  const requests = scheduler.next(1)
  return { requests, isShort: scheduler.isShort(path, 1) }
}

describe('a path of several streams', () => {
  it('takes what keeps each of them busy, also when it is slow', () => {
    const counts = [1, 4].flatMap((streams) => [64, 512].map((kib) => askedOf(streams, kib * KIB).requests.length))
    expect(counts).toEqual([1, 2, 4, 8])
  })

  it('is expected to give a chunk at the rate of one of them', () => {
    const [one, four] = [1, 4].map((streams) => askedOf(streams, MIB).requests[0]?.expectedAt)
    expect([one, four]).toEqual([1 + 100 + 250, 1 + 100 + 1000])
  })

  it('is short while more is wanted than it takes', () => {
    expect(askedOf(4, MIB).isShort).toBe(true)
    expect(askedOf(4, MIB, 8).isShort).toBe(false)
  })
})
