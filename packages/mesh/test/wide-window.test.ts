import { afterEach, expect, it } from 'vitest'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { KIB, MIB } from '@hubmesh/content'
import { readFrames, sentUntil } from '../src/exchange/frames.ts'
import { EXCHANGE } from '../src/exchange/messages.ts'
import { widenWindow } from '../src/node/wide-window.ts'
import { createLab, soon } from './support/lab.ts'
import { createRaw } from './support/raw.ts'

const lab = createLab()
afterEach(() => lab.close())

const FRAME_BYTES = 256 * KIB
const FRAMES = 64

/** What arrives of 16 MiB, and how often their sender is told that there is room for more. */
const transfer = async (window: number | undefined): Promise<{ frames: number; updates: number }> => {
  const [giver, taker] = [await createRaw(lab), await createRaw(lab)]
  let updates = 0
  await giver.node.handle(EXCHANGE, (stream) => {
    const yamux = stream as Stream & { handleWindowUpdate(frame: { header: { length: number } }): void }
    const handle = yamux.handleWindowUpdate.bind(yamux)
    yamux.handleWindowUpdate = (frame) => {
      if (frame.header.length > 0) updates += 1 // the others tell of the stream's begin and end
      handle(frame)
    }
    stream.addEventListener('message', () => void sendFrames(stream), { once: true })
  })
  const stream = await taker.node.dialProtocol(multiaddr(giver.address), EXCHANGE, { signal: soon() })
  if (window !== undefined) widenWindow(stream, window)
  const reader = readFrames(stream)
  stream.send(Uint8Array.of(1)) // nothing comes before the window is wide
  let frames = 0
  for await (const frame of reader.frames) frames += frame.byteLength === FRAME_BYTES ? 1 : 0
  return { frames, updates }
}

const sendFrames = async (stream: Stream): Promise<void> => {
  const frame = new Uint8Array(3 + FRAME_BYTES)
  frame.set([0x80, 0x80, 0x10])
  for (let sent = 0; sent < FRAMES; sent += 1) {
    stream.send(frame)
    await sentUntil(stream, () => stream.writeBufferLength < MIB)
  }
  await stream.close()
}

it('a wide window is told of by halves', async () => {
  const wide = await transfer(4 * MIB)
  expect(wide.frames).toBe(FRAMES)
  expect(wide.updates).toBeLessThanOrEqual(2 + (FRAMES * FRAME_BYTES) / (2 * MIB))
  const usual = await transfer(undefined)
  expect(usual.frames).toBe(FRAMES)
  expect(usual.updates).toBeGreaterThan(wide.updates)
})
