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
    const options = { now: 1, hedges: createHedgeBudget() }
    const wants = lateWants(20, 256 * KIB)
    expect(hedged(wants, options)).toBe(MIB)
    expect(hedged(wants, options)).toBe(0)
    options.hedges.received(60 * MIB)
    expect(hedged(wants, options)).toBe(512 * KIB)
    options.hedges.received(1000 * MIB)
    expect(hedged(wants, options)).toBe(MIB)
  })

  it('are asked of the same site as it likes: that costs nothing', () => {
    const options = { now: 1, hedges: createHedgeBudget() }
    expect(hedged(lateWants(20, 256 * KIB), options, peer('other', { sameSite: true }))).toBe(5 * MIB)
  })

  it('are not asked again before they are late', () => {
    expect(hedged(lateWants(4, 256 * KIB), { now: -1, hedges: createHedgeBudget() })).toBe(0)
  })
})

describe('a window', () => {
  const fresh = (priority: SchedulerWant['priority']): SchedulerWant[] =>
    lateWants(20, 256 * KIB).map((want) => ({ ...want, priority, asked: [] }))
  const assigned = (wants: readonly SchedulerWant[], inFlightBytes: number): number =>
    assign(wants, [peer('one', { rttMs: 0, inFlightBytes, inFlight: 1 })], { now: 0, hedges: createHedgeBudget() })
      .length

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
