import { Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { KIB, freeOwned } from '@hubmesh/content'
import { Uint8ArrayList } from 'uint8arraylist'
import { encodeFrame, readFrames, sendFrame, sentUntil } from '../src/exchange/frames.ts'
import { EXCHANGE } from '../src/exchange/messages.ts'
import { createLab, soon } from './support/lab.ts'
import { createRaw } from './support/raw.ts'

const lab = createLab()
afterEach(async () => {
  vi.restoreAllMocks()
  await lab.close()
})

const STREAMS = 3
const FRAMES = 150

const frameOf = (stream: number, number: number): Uint8Array => {
  // Small ones between large ones, so that some share a buffer with what is freed.
  const length =
    number % 3 === 0 ? 1 + ((number * 7) % 60) : 16 * KIB + ((number * 48_271 + stream * 977) % (250 * KIB))
  return new Uint8Array(length).fill(1 + ((stream * 31 + number) % 255))
}

/** As many streams of one connection, on each of which the giver sends all frames once it is asked. */
const openStreams = async (): Promise<Stream[]> => {
  const [giver, taker] = [await createRaw(lab), await createRaw(lab)]
  let asked = 0
  const give = async (stream: Stream): Promise<void> => {
    const mine = asked++
    for (let number = 0; number < FRAMES; number += 1) {
      sendFrame(stream, new Uint8ArrayList(frameOf(mine, number)))
      await sentUntil(stream, () => stream.writeBufferLength < 512 * KIB)
    }
    await stream.close()
  }
  await giver.node.handle(EXCHANGE, (stream) => {
    stream.addEventListener('message', () => void give(stream), { once: true })
  })
  const streams: Stream[] = []
  for (let number = 0; number < STREAMS; number += 1)
    streams.push(await taker.node.dialProtocol(multiaddr(giver.address), EXCHANGE, { signal: soon() }))
  return streams
}

const isSame = (frame: Uint8ArrayList, bytes: Uint8Array): boolean => Buffer.compare(frame.subarray(), bytes) === 0

it('what a reader frees is gone, and nothing else', async () => {
  const streams = await openStreams()
  let [large, freed] = [0, 0]
  const read = async (stream: Stream, mine: number): Promise<void> => {
    stream.send(Uint8Array.of(1))
    const kept: [frame: Uint8ArrayList, number: number][] = []
    let number = 0
    for await (const frame of readFrames(stream).frames) {
      expect(isSame(frame, frameOf(mine, number))).toBe(true)
      if (number % 2 === 0) kept.push([frame, number])
      else {
        const parts = [...frame]
        if (frame.byteLength >= 16 * KIB) large += frame.byteLength
        freeOwned(parts)
        freed += frame.byteLength - parts.reduce((sum, part) => sum + part.byteLength, 0)
      }
      number += 1
    }
    expect(number).toBe(FRAMES)
    for (const [frame, number] of kept) expect(isSame(frame, frameOf(mine, number))).toBe(true)
  }
  // In the order in which they are asked, which is theirs at the giver.
  const all: Promise<void>[] = []
  for (const [mine, stream] of streams.entries()) {
    all.push(read(stream, mine))
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await Promise.all(all)
  expect(freed / large).toBeGreaterThan(0.3) // several streams share more buffers than one would
})

it('what was encrypted is freed when the socket has taken it', async () => {
  const writes = vi.spyOn(Socket.prototype, 'write')
  const [stream] = await openStreams()
  if (stream === undefined) throw new Error('no stream')
  stream.send(Uint8Array.of(1))
  for await (const frame of readFrames(stream).frames) expect(frame.byteLength).toBeGreaterThan(0)
  const written = writes.mock.calls.flatMap(([bytes]) => (bytes instanceof Uint8Array ? [bytes] : []))
  const large = written.filter(({ length }) => length >= 16 * KIB || length === 0)
  expect(large.length).toBeGreaterThan(FRAMES / 2)
  await expect.poll(() => large.filter(({ length }) => length > 0)).toHaveLength(0)
})

describe('a frame may be freed', () => {
  const LARGE = encodeFrame(new Uint8ArrayList(new Uint8Array(20 * KIB).fill(7))).subarray()
  const SMALL = encodeFrame(new Uint8ArrayList(Uint8Array.of(1, 2, 3))).subarray()
  const HEADER = new Uint8Array(12)

  /** Reads frames from decrypted buffers, each of which is handed on without its first bytes: a muxer's header. */
  const readAll = async (buffers: readonly { header: number; bytes: Uint8Array; after?: Uint8Array }[]) => {
    const stream = Object.assign(new EventTarget(), {
      status: 'open',
      readStatus: 'readable',
      readableEnded: false,
      readBufferLength: 0,
      pause: () => {},
      abort: () => {},
    })
    const { frames } = readFrames(stream as unknown as Stream)
    const first = frames.next()
    for (const { header, bytes, after = new Uint8Array() } of buffers) {
      const buffer = Uint8Array.from([...HEADER.subarray(0, header), ...bytes, ...after])
      const data = new Uint8ArrayList(buffer.subarray(header, header + bytes.length))
      stream.dispatchEvent(Object.assign(new Event('message'), { data }))
    }
    stream.readableEnded = true
    stream.dispatchEvent(new Event('end'))
    const read = [await first]
    while (read.at(-1)?.done !== true) read.push(await frames.next())
    return read.flatMap(({ value }) => (value === undefined ? [] : [value as Uint8ArrayList]))
  }
  const partsOf = (frame: Uint8ArrayList | undefined): Uint8Array[] => [...(frame ?? [])]
  const lengths = (parts: readonly Uint8Array[]): number[] => parts.map(({ length }) => length)

  it('that is alone in its buffers', async () => {
    const [frame] = await readAll([
      { header: 12, bytes: LARGE.subarray(0, 9000) },
      { header: 0, bytes: LARGE.subarray(9000) },
    ])
    const parts = partsOf(frame)
    expect(parts).toHaveLength(2)
    freeOwned(parts)
    expect(lengths(parts)).toEqual([0, 0])
  })

  it.each([
    { with: 'a frame before it', buffers: [{ header: 12, bytes: Buffer.concat([SMALL, LARGE]) }], other: 0 },
    { with: 'a frame behind it', buffers: [{ header: 12, bytes: Buffer.concat([LARGE, SMALL]) }], other: 1 },
  ])('but not with $with', async ({ buffers, other }) => {
    const frames = await readAll(buffers)
    expect(frames).toHaveLength(2)
    const parts = partsOf(frames[1 - other])
    freeOwned(parts)
    expect(lengths(parts)).toEqual([20 * KIB])
    expect(frames[other]?.subarray()).toEqual(Uint8Array.of(1, 2, 3))
  })

  it('but not with bytes of another stream behind it', async () => {
    const parts = partsOf((await readAll([{ header: 12, bytes: LARGE, after: SMALL }]))[0])
    freeOwned(parts)
    expect(lengths(parts)).toEqual([20 * KIB])
  })
})
