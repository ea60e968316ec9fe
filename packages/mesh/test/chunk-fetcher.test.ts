import { expect, it } from 'vitest'
import { Uint8ArrayList } from 'uint8arraylist'
import { Bitmap, KIB, createMeter, silentLog } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import type { PeerLink } from '../src/exchange/link.ts'
import { createChunkFetcher } from '../src/fetch/chunk-fetcher.ts'
import { createGate } from '../src/node/gate.ts'
import { createPeers } from '../src/peers.ts'
import { createScheduler } from '../src/schedule/index.ts'
import { soon, wantsOf } from './support/lab.ts'

const sample = sampleBlob(64 * KIB, 7)

it('of two answers that come at the same moment one counts', async () => {
  const [want] = wantsOf(sample)
  if (want === undefined) throw new Error('a sample has chunks')
  const gate = createGate({ log: silentLog })
  const peers = createPeers({ gate })
  const meter = createMeter()
  const answer = Promise.withResolvers<void>()
  const link: Partial<PeerLink> = {
    rttMs: () => 1,
    chunk: async () => {
      await answer.promise
      return new Uint8ArrayList(sample.bytes.subarray(0, want.length))
    },
  }
  let held = 0
  const scheduler = createScheduler({ self: 'self' })
  const both = ['one', 'other'].map((peerId) => Object.assign(peers.get(peerId), { link }).path)
  const fetcher = createChunkFetcher({
    peers,
    gate,
    meter,
    log: silentLog,
    caps: () => ({}),
    seek: () => {},
    sets: { attach() {}, detach() {}, want() {}, opened() {}, answered: () => true, stop() {} },
    scheduler: {
      ...scheduler,
      // Both are asked at once: one of them as if the other were late.
      next: (now) => {
        const [request] = scheduler.next(now)
        return request === undefined ? [] : both.map((path) => ({ ...request, path }))
      },
      hold: (bytes) => {
        held += bytes
      },
    },
  })
  for (const path of both) {
    scheduler.link(path)
    scheduler.holdings.tell(path, want.set, Bitmap.full(sample.chunks.length), 0)
  }
  const fetched = fetcher.fetch(want, { priority: 'whole', signal: soon() })
  await new Promise((resolve) => setTimeout(resolve, 20))
  answer.resolve()
  const chunk = await fetched
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(held).toBe(want.length)
  expect(meter.read().verifiedChunks).toBe(1)
  chunk.release()
  expect(held).toBe(0)
  fetcher.stop()
})
