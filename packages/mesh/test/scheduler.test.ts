import { describe, expect, it } from 'vitest'
import { KIB, MIB } from '@hubmesh/content'
import { type SchedulerPeer, type SchedulerWant, assign, createHedgeBudget } from '../src/fetch/scheduler.ts'

const peer = (id: string, options: Partial<SchedulerPeer> = {}): SchedulerPeer => ({
  id,
  sameSite: false,
  rttMs: 50,
  goodput: 64 * MIB,
  inFlightBytes: 0,
  inFlight: 0,
  resting: false,
  has: () => true,
  isFetching: () => false,
  ...options,
})

/** Chunks that were asked of a peer, who is late with them. */
const lateWants = (count: number, length: number): SchedulerWant[] =>
  Array.from({ length: count }, (_, index) => ({
    set: 'a list',
    index,
    length,
    priority: 'ahead',
    asked: [{ peer: 'late', lateAt: 0 }],
    avoid: new Set(),
  }))

/** Bytes that are asked once more. */
const hedged = (
  wants: readonly SchedulerWant[],
  options: Parameters<typeof assign>[2],
  other = peer('other'),
): number =>
  assign(wants, [peer('late'), other], options)
    .filter(({ hedge, peer: asked }) => hedge && asked === 'other')
    .reduce((sum, { want }) => sum + want.length, 0)

describe('chunks that are late', () => {
  it('are asked of another, but across sites a hundredth of what comes at most, and a chunk', () => {
    const options = { self: 'self', now: 1, hedges: createHedgeBudget() }
    const wants = lateWants(20, 256 * KIB)
    expect(hedged(wants, options)).toBe(MIB)
    expect(hedged(wants, options)).toBe(0)
    options.hedges.received(60 * MIB)
    expect(hedged(wants, options)).toBe(512 * KIB)
    options.hedges.received(1000 * MIB)
    expect(hedged(wants, options)).toBe(MIB)
  })

  it('are asked of the same site as it likes: that costs nothing', () => {
    const options = { self: 'self', now: 1, hedges: createHedgeBudget() }
    expect(hedged(lateWants(20, 256 * KIB), options, peer('other', { sameSite: true }))).toBe(5 * MIB)
  })

  it('are not asked again before they are late', () => {
    expect(hedged(lateWants(4, 256 * KIB), { self: 'self', now: -1, hedges: createHedgeBudget() })).toBe(0)
  })
})

describe('a window', () => {
  const fresh = (priority: SchedulerWant['priority']): SchedulerWant[] =>
    lateWants(20, 256 * KIB).map((want) => ({ ...want, priority, asked: [] }))
  const assigned = (wants: readonly SchedulerWant[], inFlightBytes: number): number =>
    assign(wants, [peer('one', { rttMs: 0, inFlightBytes, inFlight: 1 })], {
      self: 'self',
      now: 0,
      hedges: createHedgeBudget(),
    }).length

  it('is filled up once a quarter of it is free, and not chunk by chunk', () => {
    expect(assigned(fresh('ahead'), 1.75 * MIB)).toBe(0)
    expect(assigned(fresh('ahead'), 1.5 * MIB)).toBe(2)
    expect(assigned(fresh('ahead'), 0)).toBe(8)
  })

  it('takes what a reader waits for while there is any room', () => {
    expect(assigned(fresh('reader'), 1.75 * MIB)).toBe(1)
    expect(assigned(fresh('reader'), 2 * MIB)).toBe(0)
  })
})

describe('what two nodes of a site fetch at once', () => {
  const far = peer('far')
  const near = (options: Partial<SchedulerPeer> = {}): SchedulerPeer =>
    peer('near', { sameSite: true, has: () => false, isFetching: () => true, ...options })
  const wantsOf = (priority: SchedulerWant['priority']): SchedulerWant[] =>
    Array.from({ length: 100 }, (_, index) => ({
      set: 'a list',
      index,
      length: KIB,
      priority,
      asked: [],
      avoid: new Set(),
    }))
  /** Indexes that `self` asks for at a time, of those that it wants. */
  const asked = (
    wants: readonly SchedulerWant[],
    {
      self = 'self',
      now = 0,
      peers = [{ ...far }, near()],
    }: { self?: string; now?: number; peers?: SchedulerPeer[] } = {},
  ): number[] => assign(wants, peers, { self, now, hedges: createHedgeBudget() }).map(({ want }) => want.index)

  it('each brings in a part of, and none of it both', () => {
    const ours = asked(wantsOf('ahead'))
    const theirs = asked(wantsOf('ahead'), { self: 'near', peers: [{ ...far }, { ...near(), id: 'self' }] })
    expect([...ours, ...theirs].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index))
    for (const part of [ours, theirs]) expect(part.length).toBeGreaterThan(30)
  })

  it('is fetched by who is left alone, at once', () => {
    const wants = wantsOf('prefetch')
    const ours = asked(wants)
    const rest = wants.filter(({ index }) => !ours.includes(index))
    expect(asked(rest, { now: 1, peers: [{ ...far }] })).toHaveLength(rest.length)
    expect(asked(rest, { now: 1, peers: [{ ...far }, near({ isFetching: () => false })] })).toHaveLength(rest.length)
  })

  it('is waited for a while, and then fetched, telling of it', () => {
    const wants = wantsOf('ahead')
    const ours = asked(wants)
    const rest = wants.filter(({ index }) => !ours.includes(index))
    expect(asked(rest, { now: 200 })).toEqual([])
    const late = assign(rest, [{ ...far }, near()], { self: 'self', now: 1000, hedges: createHedgeBudget() })
    expect(late).toHaveLength(rest.length)
    expect(late.every(({ leftInVainTo }) => leftInVainTo === 'near')).toBe(true)
  })

  it('is taken from the other as soon as that has it', () => {
    const wants = wantsOf('ahead')
    asked(wants)
    const got = assign(wants, [{ ...far }, near({ has: () => true })], {
      self: 'self',
      now: 1,
      hedges: createHedgeBudget(),
    })
    expect(new Set(got.map(({ peer: from }) => from))).toEqual(new Set(['near']))
  })

  it('is not waited for by a reader', () => {
    expect(asked(wantsOf('reader'))).toHaveLength(100)
  })
})
