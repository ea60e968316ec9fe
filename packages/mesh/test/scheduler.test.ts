import { readFile, readdir } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { Bitmap, KIB, MIB, type Priority } from '@hubmesh/content'
import { type Path, createPath } from '../src/schedule/index.ts'
import { COUNT, SET, byNumber, createSchedulerLab, indexesOf, upTo } from './support/scheduler-lab.ts'

describe('the order of asking', () => {
  it('is that of reading for readers, who come before all else', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(4, 'prefetch', 0)
    want(4, 'whole', 10)
    want(2, 'ahead', 20)
    want(2, 'reader', 30)
    peer('far')
    expect(indexesOf(scheduler.next(1))).toEqual([30, 31, 20, 21, 10, 11, 12, 13, 0, 1, 2, 3])
  })

  it('leaves all but what is read, while the disk is behind by 8 MiB', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(8, 'whole')
    want(1, 'ahead', 20)
    peer('far')
    scheduler.hold(8 * MIB)
    expect(indexesOf(scheduler.next(1))).toEqual([20])
    scheduler.hold(-MIB)
    expect(scheduler.next(2)).toEqual([])
    scheduler.hold(-MIB)
    expect(indexesOf(scheduler.next(3))).toEqual(upTo(8))
  })

  it('begins with what few have, where nobody reads', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(6, 'whole')
    peer('all')
    peer('some', { has: [0, 1, 2, 3] })
    peer('few', { has: [0, 1] })
    const order = indexesOf(scheduler.next(1))
    expect([order.slice(0, 2), order.slice(2, 4), order.slice(4)].map((part) => part.toSorted(byNumber))).toEqual([
      [4, 5],
      [2, 3],
      [0, 1],
    ])
  })

  it.each([
    ['that fetches the same', { has: [] }],
    ['of a site, though they have not heard of each other fetching', { has: undefined, sameSite: true }],
  ])('begins with another part on each node %s', (_which, { has, ...of }) => {
    const names = ['a', 'b', 'c', 'd']
    const firsts = names.map((self) => {
      const { scheduler, peer, want } = createSchedulerLab({ self, length: MIB })
      want(COUNT, 'whole')
      peer('seed')
      for (const name of names) {
        if (name === self) continue
        if (has === undefined) scheduler.link(Object.assign(createPath(name), of))
        else peer(name, { has })
      }
      return indexesOf(scheduler.next(1))
    })
    const all = firsts.flat()
    expect(all.length).toBeGreaterThan(40)
    expect(new Set(all).size).toBe(all.length)
  })

  it('rises with the priority', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(20, 'prefetch')
    scheduler.raise(SET, 19, 'reader')
    peer('far')
    expect(indexesOf(scheduler.next(1))[0]).toBe(19)
  })
})

describe('a window', () => {
  /** Chunks that are asked for when so many have come of the first that were. */
  const askedAfter = (arrived: number, priority: Priority): number => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(COUNT, 'whole')
    const path = peer('far')
    const first = scheduler.next(1)
    expect(first.length).toBe(64) // 16 MiB, the most
    for (const request of first.slice(0, arrived)) {
      scheduler.drop(request.want)
      scheduler.ended(request, 'arrived', 2)
    }
    scheduler.raise(SET, 399, priority)
    const again = scheduler.next(2)
    expect(path.inFlight).toBe(64 - arrived + again.length)
    return again.length
  }

  it('is filled up once a quarter of it is free, and not chunk by chunk', () => {
    expect(askedAfter(15, 'whole')).toBe(0)
    expect(askedAfter(16, 'whole')).toBe(16)
  })

  it('takes what a reader waits for while there is any room', () => {
    expect(askedAfter(1, 'reader')).toBe(1)
    expect(askedAfter(0, 'reader')).toBe(0)
  })
})

describe('of several peers', () => {
  it('asks two of another site for what nobody reads, and others when they give nothing', () => {
    const { scheduler, peer, want } = createSchedulerLab({ length: MIB })
    want(COUNT, 'whole')
    const there = ['a', 'b', 'c', 'd'].map((id) => peer(id, { site: 'there' }))
    const asked = new Set(scheduler.next(1).map(({ path }) => path))
    expect(asked.size).toBe(2)
    for (const path of asked) path.restUntil = 1000
    const others = new Set(scheduler.next(2).map(({ path }) => path))
    expect(others).toEqual(new Set(there.filter((path) => !asked.has(path))))
  })

  it('asks different ones of another site than others of its own do', () => {
    const asked = ['self', 'mate', 'third', 'fourth', 'fifth', 'sixth'].map((self) => {
      const { scheduler, peer, want } = createSchedulerLab({ self, length: MIB })
      want(COUNT, 'whole')
      for (const id of ['a', 'b', 'c', 'd']) peer(id, { site: 'there' })
      return [...new Set(scheduler.next(1).map(({ path }) => path.peerId))].toSorted().join()
    })
    expect(new Set(asked).size).toBeGreaterThan(2)
  })

  it('one of the same site is asked, and waited for when it has no room', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(100, 'whole')
    const near = peer('near', { sameSite: true })
    peer('far')
    expect(new Set(scheduler.next(1).map(({ path }) => path))).toEqual(new Set([near]))
    expect(scheduler.next(2)).toEqual([])
  })

  it('all give what nobody reads, and the soonest what a reader waits for', () => {
    const asked = (priority: Priority): Set<string> => {
      const { scheduler, peer, want } = createSchedulerLab({ length: MIB })
      want(200, priority)
      peer('near-looking', { rttMs: 1 })
      peer('far-looking', { rttMs: 1000 })
      return new Set(scheduler.next(1).map(({ path }) => path.peerId))
    }
    expect(asked('whole')).toEqual(new Set(['near-looking', 'far-looking']))
    expect(asked('reader')).toEqual(new Set(['near-looking']))
  })

  it('one that has failed a chunk is not asked for it again so soon', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(1, 'reader')
    const path = peer('far')
    const [request] = scheduler.next(1)
    scheduler.ended(request!, 'lacks', 2)
    scheduler.holdings.gain(path, SET, [0], 3)
    expect(scheduler.next(4)).toEqual([])
    expect(scheduler.next(5003)).toHaveLength(1)
  })

  it('one that fails rests longer each time, and one that was busy as long as it says', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(COUNT, 'reader')
    peer('far')
    let now = 0
    const restAfter = (outcome: 'failed' | 'busy', retryMs?: number): number => {
      const requests = scheduler.next(now)
      expect(requests.length).toBeGreaterThan(0)
      for (const request of requests) scheduler.ended(request, outcome, now, retryMs)
      const since = now
      while (scheduler.next(now).length === 0) now += 500
      for (const request of scheduler.overdue(Infinity)) scheduler.ended(request, 'cancelled', now)
      return now - since
    }
    expect([restAfter('failed'), restAfter('failed'), restAfter('failed')]).toEqual([2000, 4000, 8000])
    expect(restAfter('busy', 7000)).toBe(7000)
  })
})

describe('what is under way', () => {
  /** One request, by now late or not, and another peer. */
  const underWay = (options: Partial<Path> = {}, count = 1) => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(count, 'whole')
    peer('first')
    const requests = scheduler.next(1)
    expect(requests).toHaveLength(count)
    const helper = peer('helper', options)
    return { scheduler, requests, helper, peer, want }
  }

  it('is asked of one more when it is late, and of no third', () => {
    const { scheduler, peer } = underWay()
    expect(scheduler.next(100)).toEqual([])
    expect(scheduler.next(400).map(({ path }) => path.peerId)).toEqual(['helper'])
    peer('third')
    expect(scheduler.next(4000)).toEqual([])
  })

  it('is asked twice across sites for a hundredth of what comes at most, and two of the longest chunks', () => {
    const { scheduler, requests, helper } = underWay({}, 60)
    const hedged = (now: number): number => scheduler.next(now).length
    expect(hedged(2000)).toBe(8)
    expect(hedged(3000)).toBe(0)
    scheduler.received(requests[0]!.path, 60 * MIB, 3000)
    Object.assign(helper, { heardBytes: MIB, heardAt: 3900 })
    expect(hedged(4000)).toBe(2)
  })

  it('is asked twice in a site as often as it helps', () => {
    const { scheduler } = underWay({ sameSite: true }, 60)
    expect(scheduler.next(2000)).toHaveLength(60)
  })

  it('is late when it takes longer than nearly all did', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    peer('first', { rttMs: 400 })
    for (let round = 0; round < 128; round += 1) {
      want(1, 'whole', round)
      for (const request of scheduler.next(round * 1000)) {
        scheduler.drop(request.want)
        scheduler.ended(request, 'arrived', round * 1000 + 400)
      }
    }
    want(1, 'whole', 200)
    expect(scheduler.next(200_000)).toHaveLength(1)
    peer('helper', { rttMs: 390 }) // hardly sooner
    expect(scheduler.next(200_500)).toEqual([])
    expect(scheduler.next(200_650)).toHaveLength(1) // and not after three times as long as expected
  })

  it('is asked of one more at the end, where that is much sooner', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(2, 'whole')
    peer('slow', { rttMs: 5000, has: [0] })
    expect(scheduler.next(1)).toHaveLength(1)
    peer('fast', { has: [0] })
    expect(scheduler.next(2).map(({ path, want }) => [path.peerId, want.index])).toEqual([['fast', 0]])
  })

  it('is asked twice when it is late, though much was that is merely slow', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(12, 'whole')
    peer('slow', { rttMs: 5000 })
    expect(scheduler.next(1)).toHaveLength(12)
    const fast = peer('fast')
    expect(scheduler.next(2)).toHaveLength(4)
    expect(scheduler.next(60)).toEqual([])
    Object.assign(fast, { heardBytes: MIB, heardAt: 15_900 })
    expect(scheduler.next(16_000)).toHaveLength(4)
  })

  it('is given up when nothing comes any more, and not before', () => {
    const { scheduler, requests } = underWay()
    const path = requests[0]!.path
    expect(scheduler.overdue(1900)).toEqual([])
    Object.assign(path, { heardBytes: 10 * MIB, heardAt: 2500 })
    expect(scheduler.overdue(3000)).toEqual([])
    expect(scheduler.overdue(4600)).toEqual(requests)
    Object.assign(path, { heardBytes: 1000 * MIB, heardAt: 60_000 })
    expect(scheduler.overdue(60_000)).toEqual(requests) // however steadily other things come
  })
})

describe('a path on which nothing comes', () => {
  it('is asked for nothing more until something does', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(8, 'whole')
    const path = peer('far')
    expect(scheduler.next(1)).toHaveLength(8)
    want(8, 'whole', 8)
    expect(scheduler.next(400)).toEqual([])
    Object.assign(path, { heardBytes: KIB, heardAt: 410 }) // it merely chats
    expect(scheduler.next(411)).toEqual([])
    path.heardBytes = 8 * KIB
    expect(scheduler.next(412)).toHaveLength(8)
  })

  it('is not waited for, though it leads to a node of our site', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(100, 'whole')
    peer('near', { sameSite: true })
    peer('far')
    expect(scheduler.next(1)).toHaveLength(64)
    expect(scheduler.next(200)).toEqual([])
    expect(scheduler.next(400).map(({ path }) => path.peerId)).toEqual(Array.from({ length: 36 }, () => 'far'))
  })

  it('has all its chunks asked of others as soon as one of them is late', () => {
    const { scheduler, peer, want } = createSchedulerLab()
    want(3, 'whole')
    peer('busy', { has: [2], restUntil: 60_000 }) // so that this is not the end, where all is asked twice
    const path = createPath('new') // what is expected of one that was never measured says little
    scheduler.link(path)
    scheduler.holdings.tell(path, SET, new Bitmap(COUNT), 0)
    scheduler.holdings.gain(path, SET, [0, 1], 0)
    expect(scheduler.next(1).map(({ lateAt }) => lateAt > 1000)).toEqual([false, true])
    peer('helper', { has: [0, 1] })
    expect(indexesOf(scheduler.next(400)).toSorted(byNumber)).toEqual([0, 1])
  })
})

it('a node of our site that has not got what it says is not counted on to bring anything in', () => {
  const { scheduler, peer, want } = createSchedulerLab()
  want(20, 'whole')
  peer('boaster', { sameSite: true })
  peer('far')
  for (const request of scheduler.next(1)) scheduler.ended(request, 'lacks', 2)
  expect(scheduler.next(3).map(({ path }) => path.peerId)).toEqual(Array.from({ length: 20 }, () => 'far'))
})

it('is a room without I/O, timers or a clock', async () => {
  const folder = new URL('../src/schedule/', import.meta.url)
  for (const file of await readdir(folder)) {
    const source = await readFile(new URL(file, folder), 'utf8')
    const imports = [...source.matchAll(/ from '(.*)'/g)].map(([, from]) => from ?? '')
    expect(
      imports.filter(
        (from) => from !== '@hubmesh/content' && from !== '../limits.ts' && !/^\.\/[a-z-]+\.ts$/.test(from),
      ),
      file,
    ).toEqual([])
    expect(source, file).not.toMatch(/performance\.|Date\.|setTimeout|setInterval|setImmediate|Math\.random|await /)
  }
})
