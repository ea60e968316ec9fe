import { expect, onTestFinished, test } from 'vitest'
import { type SampleHub, createSampleHub, pseudoRandom } from '../src/index.ts'

const SIZE = 300_000
const SOURCE = Buffer.from(pseudoRandom('fault', SIZE))

const startHub = async (): Promise<SampleHub> => {
  const hub = await createSampleHub()
  onTestFinished(() => hub.stop())
  await hub.addRepo('owner/name', { files: { 'w.bin': { seed: 'fault', size: SIZE } } })
  return hub
}

const download = (hub: SampleHub, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${hub.url}/owner/name/resolve/main/w.bin`, { headers })

/** The bytes that arrive, and whether the body came to its proper end. */
const receive = async (response: Response): Promise<{ bytes: Buffer; whole: boolean }> => {
  const parts: Uint8Array[] = []
  try {
    for await (const part of response.body!) parts.push(part)
    return { bytes: Buffer.concat(parts), whole: true }
  } catch {
    return { bytes: Buffer.concat(parts), whole: false } // broken off: that is what the fault is for
  }
}

test('a cut body ends after exactly so many bytes, as often as asked', async () => {
  const hub = await startHub()
  hub.faults.add({ kind: 'cut', afterBytes: 70_000, on: 'cdn', times: 1 })
  const cut = await receive(await download(hub))
  expect(cut.whole).toBe(false)
  expect(cut.bytes.equals(SOURCE.subarray(0, 70_000))).toBe(true)
  expect(hub.bodyBytes).toBe(70_000)
  expect((await receive(await download(hub))).bytes.equals(SOURCE)).toBe(true)
})

test('a reset body breaks off', async () => {
  const hub = await startHub()
  hub.faults.add({ kind: 'reset', afterBytes: 70_000 })
  expect((await receive(await download(hub))).whole).toBe(false)
})

test('a flipped byte is the only one that differs, wherever a range begins', async () => {
  const hub = await startHub()
  const remove = hub.faults.add({ kind: 'flip', at: 280_000 })
  const expected = Buffer.from(SOURCE)
  expected[280_000]! ^= 1
  expect((await receive(await download(hub))).bytes.equals(expected)).toBe(true)
  const ranged = await receive(await download(hub, { Range: 'bytes=270000-' }))
  expect(ranged.bytes.equals(expected.subarray(270_000))).toBe(true)
  remove()
  expect((await receive(await download(hub))).bytes.equals(SOURCE)).toBe(true)
})

test('errors say when to come again, and only where they were ordered', async () => {
  const hub = await startHub()
  hub.faults.add({ kind: 'status', status: 503, retryAfter: 2, on: 'resolve', path: /w\.bin$/, times: 1 })
  hub.faults.add({ kind: 'status', status: 429, rateLimit: 7, on: 'resolve', times: 1 })
  const first = await download(hub)
  const second = await download(hub)
  expect([first.status, first.headers.get('retry-after')]).toEqual([503, '2'])
  expect([second.status, second.headers.get('ratelimit')]).toEqual([429, '"resolvers";r=0;t=7'])
  expect((await download(hub)).status).toBe(200)
})

test('a signed URL can be called expired, and a range ignored', async () => {
  const hub = await startHub()
  hub.faults.add({ kind: 'expire', times: 1 })
  expect((await download(hub)).status).toBe(403)
  hub.faults.add({ kind: 'ignore-range', times: 1 })
  expect((await download(hub, { Range: 'bytes=5-' })).status).toBe(200)
  expect((await download(hub, { Range: 'bytes=5-' })).status).toBe(206)
})

test('throttled bodies share the rate, and are complete', async () => {
  const hub = await startHub()
  hub.faults.add({ kind: 'throttle', bytesPerSecond: 1_000_000 })
  const began = performance.now()
  const both = await Promise.all([download(hub).then(receive), download(hub).then(receive)])
  expect(performance.now() - began).toBeGreaterThan(500)
  expect(both.every(({ bytes }) => bytes.equals(SOURCE))).toBe(true)
})

test('a client that leaves does not upset it', async () => {
  const hub = await startHub()
  hub.faults.add({ kind: 'throttle', bytesPerSecond: 50_000, times: 1 })
  const left = new AbortController()
  const response = await fetch(`${hub.url}/owner/name/resolve/main/w.bin`, { signal: left.signal })
  left.abort()
  await expect(response.arrayBuffer()).rejects.toThrow('aborted')
  expect((await receive(await download(hub))).whole).toBe(true)
})

test('stopped it refuses connections, and comes back on the same ports', async () => {
  const hub = await startHub()
  await hub.stop()
  await expect(download(hub)).rejects.toThrow('fetch failed')
  await hub.start()
  expect((await receive(await download(hub))).whole).toBe(true)
})

test('the ledger says who asked for what', async () => {
  const hub = await startHub()
  await receive(await download(hub, { Range: 'bytes=0-9' }))
  expect(hub.requests.map(({ route, status, range, bytes }) => ({ route, status, range, bytes }))).toEqual([
    { route: 'resolve', status: 302, range: 'bytes=0-9', bytes: 0 },
    { route: 'cdn', status: 206, range: 'bytes=0-9', bytes: 10 },
  ])
  hub.resetCounters()
  expect([hub.requests.length, hub.bodyBytes]).toEqual([0, 0])
})
