import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MeshError, encodeBlock } from '@hubmesh/content'
import { Uint8ArrayList } from 'uint8arraylist'
import { type ChunkStream, createChunkStreams } from '../src/exchange/chunk-streams.ts'

/** Which chunk is asked on which stream, with streams and a clock of the test's own. */

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const KEEP = { rttMs: 0, connections: 3, settleMs: 0, measureMs: 200, gain: 0, retryMs: 60_000, idleMs: 60_000 }
const LENGTH = 100_000

interface FakeStream extends ChunkStream {
  /** What is under way, by its index. */
  readonly asked: Map<number, PromiseWithResolvers<Uint8ArrayList>>
  heard: number
  isClosed: boolean
  end(error: MeshError): void
}

const createFake = (): FakeStream => {
  const { promise: ended, resolve: end } = Promise.withResolvers<MeshError>()
  const asked: FakeStream['asked'] = new Map()
  const stream: FakeStream = {
    asked,
    heard: 0,
    isClosed: false,
    ask: async ({ index }, signal) => {
      const answer = Promise.withResolvers<Uint8ArrayList>()
      asked.set(index, answer)
      signal.addEventListener('abort', () => answer.reject(signal.reason))
      return answer.promise.finally(() => asked.delete(index))
    },
    heardBytes: () => stream.heard,
    close: () => {
      if (stream.isClosed) return
      stream.isClosed = true
      for (const { reject } of asked.values()) reject(new MeshError('unreachable', 'closed'))
      end(new MeshError('unreachable', 'closed'))
    },
    ended,
    end,
  }
  return stream
}

/** With all further ones open. */
const createLab = async () => {
  const opened: FakeStream[] = []
  const open = async (): Promise<FakeStream> => {
    const stream = createFake()
    opened.push(stream)
    return stream
  }
  const breaches: MeshError[] = []
  const streams = createChunkStreams(
    {
      openFirst: open,
      openFurther: open,
      isFar: () => true,
      rttMs: () => 100,
      onBreach: (error) => void breaches.push(error),
    },
    KEEP,
  )
  const set = encodeBlock({ v: 1 }).cid
  const ask = (index: number): Promise<Uint8ArrayList> =>
    streams.ask({ set, index, priority: 'whole' }, LENGTH, new AbortController().signal)
  /** Time goes by, in which bytes come on the given streams. */
  const pass = async (seconds: number, moving: readonly FakeStream[]): Promise<void> => {
    for (let tick = 0; tick < seconds * 5; tick += 1) {
      for (const stream of moving) stream.heard += 1_000
      await vi.advanceTimersByTimeAsync(200)
      streams.look(true)
      await vi.advanceTimersByTimeAsync(0)
    }
  }
  streams.warm()
  await vi.advanceTimersByTimeAsync(0)
  for (let look = 0; look < 8; look += 1) await pass(0.2, opened)
  const [first, ...further] = opened
  if (first === undefined || further.length < 3) throw new Error('they should be open')
  return { streams, ask, pass, opened, first, further, breaches }
}

const indexesOf = (streams: readonly FakeStream[]): number[][] => streams.map(({ asked }) => [...asked.keys()])

describe('several streams to one peer', () => {
  it('are each asked for a part, and counted', async () => {
    const { streams, ask, opened } = await createLab()
    for (let index = 0; index < 8; index += 1) void ask(index)
    await vi.advanceTimersByTimeAsync(0)
    expect(streams.count()).toBe(4)
    expect(opened.map(({ asked }) => asked.size)).toEqual([2, 2, 2, 2])
  })

  it('are asked for what stands still on another, which is asked for nothing until something comes', async () => {
    const { ask, pass, opened, first, further } = await createLab()
    const chunks = Array.from({ length: 4 }, (_, index) => ask(index))
    await vi.advanceTimersByTimeAsync(0)
    await pass(2, further)
    expect(first.asked.size).toBe(0)
    expect(
      indexesOf(further)
        .flat()
        .toSorted((a, b) => a - b),
    ).toEqual([0, 1, 2, 3])
    void ask(4)
    await vi.advanceTimersByTimeAsync(0)
    expect(first.asked.size).toBe(0)
    await pass(0.4, opened)
    void ask(5)
    await vi.advanceTimersByTimeAsync(0)
    expect(first.asked.size).toBe(1)
    for (const { asked } of further) for (const { resolve } of asked.values()) resolve(new Uint8ArrayList())
    expect(await Promise.all(chunks)).toHaveLength(4)
  })

  it('all wait when none moves', async () => {
    const { ask, pass, opened } = await createLab()
    for (let index = 0; index < 4; index += 1) void ask(index)
    await vi.advanceTimersByTimeAsync(0)
    await pass(1, opened)
    const before = indexesOf(opened).flat().length
    await pass(60, [])
    expect(indexesOf(opened).flat()).toHaveLength(before)
  })

  it.each([
    ['that gets no turn', new MeshError('busy', 'all upload slots are taken', { retryAfter: 9 })],
    ['that breaks', new MeshError('unreachable', 'reset')],
  ])('take over from a further one %s, which is closed', async (_which, error) => {
    const { streams, ask, opened, further } = await createLab()
    const chunks = Array.from({ length: 4 }, (_, index) => ask(index))
    await vi.advanceTimersByTimeAsync(0)
    const [spoilt] = further
    spoilt?.asked.values().next().value?.reject(error)
    await vi.advanceTimersByTimeAsync(0)
    expect([spoilt?.isClosed, streams.count()]).toEqual([true, 3])
    for (const { asked } of opened) for (const { resolve } of asked.values()) resolve(new Uint8ArrayList())
    expect(await Promise.all(chunks)).toHaveLength(4)
  })

  it('tell what the peer refuses, and when it breaks the protocol on any of them', async () => {
    const { ask, opened, further, breaches } = await createLab()
    const chunks = Promise.allSettled(Array.from({ length: 4 }, (_, index) => ask(index)))
    await vi.advanceTimersByTimeAsync(0)
    further[0]?.asked.values().next().value?.reject(new MeshError('not-ready', 'it lacks this'))
    further[1]?.end(new MeshError('bad-bytes', 'a second hello'))
    await vi.advanceTimersByTimeAsync(0)
    expect(breaches).toMatchObject([{ code: 'bad-bytes' }])
    expect(further[0]?.isClosed).toBe(false)
    for (const { asked } of opened) for (const { resolve } of asked.values()) resolve(new Uint8ArrayList())
    const outcomes = (await chunks).map((chunk) => (chunk.status === 'rejected' ? chunk.reason : undefined))
    expect(outcomes.filter((reason) => reason !== undefined)).toMatchObject([{ code: 'not-ready' }])
  })

  it('are one again when nothing was asked for a minute', async () => {
    const { streams, further, first } = await createLab()
    await vi.advanceTimersByTimeAsync(57_000)
    expect(streams.count()).toBe(4)
    await vi.advanceTimersByTimeAsync(4_000)
    expect([streams.count(), first.isClosed, ...further.map(({ isClosed }) => isClosed)]).toEqual([
      1,
      false,
      true,
      true,
      true,
    ])
  })
})
