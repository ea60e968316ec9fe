import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Turn, type UploadSlots, createUploadSlots } from '../src/exchange/upload-slots.ts'

/** Whose turn it is to send, by a clock of the test's own. */

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

interface Stream {
  readonly peerId: string
  rank: number
  queued: number
  taken: number
  stalled: boolean
  /** What it was told, or undefined while it waits. */
  outcome: Turn | { readonly retryAfter?: number | undefined } | undefined
}

const enter = async (slots: UploadSlots, peerId: string, rank = 0): Promise<Stream> => {
  const stream: Stream = { peerId, rank, queued: 0, taken: 0, stalled: false, outcome: undefined }
  const uploader = {
    peerId,
    rank: () => stream.rank,
    queued: () => stream.queued,
    taken: () => stream.taken,
    onStall: () => void (stream.stalled = true),
  }
  slots.enter(uploader).then(
    (turn) => (stream.outcome = turn),
    (error: { retryAfter?: number }) => (stream.outcome = error),
  )
  await vi.advanceTimersByTimeAsync(0)
  return stream
}

const turnOf = ({ outcome, peerId }: Stream): Turn => {
  if (outcome === undefined || !('end' in outcome)) throw new Error(`it is not ${peerId}'s turn`)
  return outcome
}
const hasTurn = ({ outcome }: Stream): boolean => outcome !== undefined && 'end' in outcome
const end = async (stream: Stream): Promise<void> => {
  turnOf(stream).end()
  await vi.advanceTimersByTimeAsync(0)
}

describe('turns', () => {
  it('last while nobody waits, and then for a share', async () => {
    const slots = createUploadSlots({ slots: 1 })
    const first = await enter(slots, 'a')
    turnOf(first).sent(1 << 30)
    expect(turnOf(first).over()).toBe(false)
    await end(first)
    const second = await enter(slots, 'a')
    const other = await enter(slots, 'b')
    turnOf(second).sent(1)
    expect([turnOf(second).over(), hasTurn(other)]).toEqual([false, false])
    turnOf(second).sent(4 << 20)
    expect(turnOf(second).over()).toBe(true)
    await end(second)
    expect(hasTurn(other)).toBe(true)
  })

  it('go to readers first, and end sooner for them', async () => {
    const slots = createUploadSlots({ slots: 1 })
    const running = await enter(slots, 'a', 2)
    const prefetch = await enter(slots, 'b', 2)
    turnOf(running).sent(1)
    expect(turnOf(running).over()).toBe(false)
    const reader = await enter(slots, 'c', 0)
    expect(turnOf(running).over()).toBe(true)
    await end(running)
    expect([hasTurn(prefetch), hasTurn(reader)]).toEqual([false, true])
  })

  it('are kept for readers in part', async () => {
    const slots = createUploadSlots({ slots: 3, forReaders: 1 })
    const busy = [await enter(slots, 'a', 2), await enter(slots, 'b', 2), await enter(slots, 'c', 2)]
    expect(busy.map(hasTurn)).toEqual([true, true, false])
    expect(hasTurn(await enter(slots, 'd', 0))).toBe(true)
  })

  it('go to each peer alike, however many streams one has', async () => {
    const slots = createUploadSlots({ slots: 2, forReaders: 0 })
    const greedy = [await enter(slots, 'a'), await enter(slots, 'b'), await enter(slots, 'a'), await enter(slots, 'a')]
    const modest = await enter(slots, 'c')
    await end(greedy[1]!)
    expect([hasTurn(greedy[2]!), hasTurn(greedy[3]!), hasTurn(modest)]).toEqual([false, false, true])
  })

  it('end at once for one that its peer has beside another, when a peer without any waits', async () => {
    const slots = createUploadSlots({ slots: 2, forReaders: 0 })
    const [first, second] = [await enter(slots, 'a'), await enter(slots, 'a')]
    for (const stream of [first, second]) turnOf(stream).sent(1)
    expect(turnOf(second).over()).toBe(false)
    const [more, other] = [await enter(slots, 'a'), await enter(slots, 'b')]
    expect(turnOf(second).over()).toBe(true)
    await end(second)
    expect([hasTurn(other), hasTurn(more), turnOf(first).over()]).toEqual([true, false, false])
  })

  it('go to a peer that has none before one that has waited longer for its second', async () => {
    const slots = createUploadSlots({ slots: 2, forReaders: 0 })
    const [, running] = [await enter(slots, 'a'), await enter(slots, 'b')]
    const second = await enter(slots, 'a')
    await vi.advanceTimersByTimeAsync(1_000)
    const other = await enter(slots, 'c')
    await end(running)
    expect([hasTurn(second), hasTurn(other)]).toEqual([false, true])
  })

  it('come to everybody: who was told busy keeps the place, also before readers that came later', async () => {
    const slots = createUploadSlots({ slots: 1 })
    let running = await enter(slots, 'reader')
    let tries = 0
    for (let patient = await enter(slots, 'patient', 3); !hasTurn(patient);) {
      const next = await enter(slots, `reader ${tries++}`)
      await vi.advanceTimersByTimeAsync(400)
      await end(running)
      if (!hasTurn(next)) break
      running = next
      if (patient.outcome !== undefined) patient = await enter(slots, 'patient', 3)
      expect(tries).toBeLessThan(100)
    }
    expect(tries).toBeGreaterThan(5) // readers did come first
  })
})

describe('who cannot have a turn soon', () => {
  it('is told busy while the asker is patient, and for how long', async () => {
    const slots = createUploadSlots({ slots: 1 })
    await enter(slots, 'a')
    const waiting = await enter(slots, 'b')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(waiting.outcome).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(waiting.outcome).toMatchObject({ code: 'busy', retryAfter: 1 })
  })

  it('is told so at once when many are before, with a longer time', async () => {
    const slots = createUploadSlots({ slots: 1 })
    const many = await Promise.all(Array.from({ length: 300 }, (_, number) => enter(slots, `peer ${number}`)))
    expect(many[299]?.outcome).toMatchObject({ code: 'busy', retryAfter: 60 })
    expect(many[1]?.outcome).toBeUndefined()
    slots.stop()
    await vi.advanceTimersByTimeAsync(0)
    expect(many[1]?.outcome).toMatchObject({ code: 'busy' })
  })
})

describe('a turn of one that takes nothing', () => {
  const stall = async ({ others, queued, taken }: { others: boolean; queued: number; taken: number }) => {
    const slots = createUploadSlots({ slots: 1 })
    const stream = await enter(slots, 'slow')
    stream.queued = queued
    for (let second = 0; second < 8; second += 1) {
      if (others) await enter(slots, `other ${second}`)
      stream.taken += taken
      await vi.advanceTimersByTimeAsync(1_000)
    }
    slots.stop()
    return stream.stalled
  }

  it('is taken from it when others wait', async () => {
    expect(await stall({ others: true, queued: 1 << 20, taken: 0 })).toBe(true)
    expect(await stall({ others: true, queued: 1 << 20, taken: 1000 })).toBe(true)
  })

  it('is left to it when nobody does, when there is nothing to take, and when it merely is slow', async () => {
    expect(await stall({ others: false, queued: 1 << 20, taken: 0 })).toBe(false)
    expect(await stall({ others: true, queued: 0, taken: 0 })).toBe(false)
    expect(await stall({ others: true, queued: 1 << 20, taken: 40_000 })).toBe(false)
  })
})
