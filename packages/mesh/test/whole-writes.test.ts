import { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, expect, it, vi } from 'vitest'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { KIB, MIB } from '@hubmesh/content'
import { readFrames, sendFrame, sentUntil } from '../src/exchange/frames.ts'
import { EXCHANGE } from '../src/exchange/messages.ts'
import { createLab, soon } from './support/lab.ts'
import { createRaw } from './support/raw.ts'
import { Uint8ArrayList } from 'uint8arraylist'

const lab = createLab()
afterEach(async () => {
  vi.restoreAllMocks()
  await lab.close()
})

/** Two nodes, of which one sends what it is told to as soon as the other asks for it. */
const dial = async (send: (stream: Stream) => Promise<void>): Promise<Stream> => {
  const [giver, taker] = [await createRaw(lab), await createRaw(lab)]
  await giver.node.handle(EXCHANGE, (stream) => {
    stream.addEventListener('message', () => void send(stream), { once: true })
  })
  return taker.node.dialProtocol(multiaddr(giver.address), EXCHANGE, { signal: soon() })
}

it('an encrypted frame leaves in one piece', async () => {
  const FRAMES = 50
  const stream = await dial(async (to) => {
    for (let sent = 0; sent < FRAMES; sent += 1) {
      sendFrame(to, new Uint8ArrayList(new Uint8Array(KIB)))
      await nextTurn()
    }
    await to.close()
  })
  const parts = vi.spyOn(Socket.prototype, '_write')
  stream.send(Uint8Array.of(1))
  let frames = 0
  for await (const { byteLength } of readFrames(stream).frames) frames += byteLength === KIB ? 1 : 0
  expect(frames).toBe(FRAMES)
  // What is written with other parts goes to `_writev`.
  const bodies = parts.mock.calls.filter(([part]) => part instanceof Uint8Array && part.length >= KIB)
  expect(bodies).toHaveLength(0)
})

it('what the kernel does not take at once arrives all the same, in order', async () => {
  const FRAMES = 48
  const numbered = (number: number): Uint8ArrayList => new Uint8ArrayList(new Uint8Array(MIB).fill(number))
  const stream = await dial(async (to) => {
    for (let sent = 0; sent < FRAMES; sent += 1) {
      sendFrame(to, numbered(sent))
      await sentUntil(to, () => to.writeBufferLength < 4 * MIB)
    }
    await to.close()
  })
  stream.send(Uint8Array.of(1))
  let frames = 0
  for await (const frame of readFrames(stream).frames) {
    expect(Buffer.compare(frame.subarray(), numbered(frames).subarray())).toBe(0)
    frames += 1
    if (frames % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 50)) // a reader that falls behind
  }
  expect(frames).toBe(FRAMES)
})
