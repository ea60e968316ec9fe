import { type ChunkWant, KIB, MIB, type PartialBlob, createMeter, encodeBlock, sha256Of } from '@hubmesh/content'
import { createMemoryStore, sampleBytes } from '@hubmesh/testing'
import { describe, expect, it, vi } from 'vitest'
import type { BlobChunks } from '../src/chunks.ts'
import type { Lease } from '../src/flights.ts'
import { DEFAULT_LIMITS } from '../src/limits.ts'
import { createPace, readRange } from '../src/read.ts'
import { createLink } from './link.ts'
import { REPO, fileOf, never, read, seedAndOffice, signal, until } from './office.ts'

const CID = encodeBlock({ v: 1 }).cid

const keyOf = ({ set, index }: ChunkWant): string => `${set}/${index}`

describe('a cold read', () => {
  const sizes = [0, 1, 64 * KIB, 64 * KIB + 1, 256 * KIB, MIB, MIB + 1, 5 * MIB + 3]

  it.each(sizes)('gives a file of %d bytes as it is', async (size) => {
    const bytes = sampleBytes(size, size + 1)
    const { snapshot, store, link } = await seedAndOffice({ 'a.bin': bytes, 'b.txt': sampleBytes(10, 1) })
    expect(sha256Of(await read(snapshot, 'a.bin'))).toBe(sha256Of(bytes))
    await until(() => store.blobs.has(sha256Of(bytes)))
    expect(new Set(link.fetches.map(keyOf)).size).toBe(link.fetches.length)
  })

  it('gives any range as it is', async () => {
    const bytes = sampleBytes(9 * MIB + 17, 3)
    const { snapshot } = await seedAndOffice({ 'a.bin': bytes })
    const edges = [0, 1, 65_535, MIB, 4 * MIB + 1, bytes.length - 1, bytes.length]
    for (const start of edges)
      for (const end of edges.filter((end) => end >= start)) {
        const got = await read(snapshot, 'a.bin', { start, end })
        expect(Buffer.compare(got, bytes.subarray(start, end))).toBe(0)
      }
  })

  it('asks for the chunks of its range alone', async () => {
    const bytes = sampleBytes(12 * MIB, 4)
    const { snapshot, link, seed } = await seedAndOffice({ 'a.bin': bytes })
    const { list = seed.publisher } = await fileOf(snapshot, 'a.bin')
    await read(snapshot, 'a.bin', { start: 6 * MIB, end: 6 * MIB + 10 })
    expect(link.fetches.length).toBeLessThanOrEqual(2)
    expect(link.fetches.every(({ set }) => set === list)).toBe(true)
    expect(link.fetches[0]?.priority).toBe('reader')
  })

  it('tells that chunks of the manifest are here, from the first on, once', async () => {
    const { snapshot, link } = await seedAndOffice({ 'a.bin': sampleBytes(4 * MIB, 5) })
    expect(link.provided).toEqual([])
    await read(snapshot, 'a.bin', { start: 0, end: 10 })
    await until(() => link.provided.length > 0)
    await read(snapshot, 'a.bin')
    expect(link.provided).toEqual([snapshot.cid])
  })

  it('is from the blob once that is whole', async () => {
    const bytes = sampleBytes(3 * MIB, 6)
    const { snapshot, link, store } = await seedAndOffice({ 'a.bin': bytes })
    const file = await fileOf(snapshot, 'a.bin')
    const cold = await snapshot.open(file, signal)
    expect([cold.source, cold.blob]).toEqual(['seed', undefined])
    await cold.close()
    await read(snapshot, 'a.bin')
    await until(() => store.blobs.has(file.sha256))
    const asked = link.fetches.length
    link.disconnect()
    const warm = await snapshot.open(file, signal)
    expect([warm.source, warm.blob?.size]).toEqual(['local', bytes.length])
    await warm.close()
    expect(Buffer.compare(await read(snapshot, 'a.bin'), bytes)).toBe(0)
    expect(link.fetches.length).toBe(asked)
  })

  it('fetches each chunk once for ten readers', async () => {
    const bytes = sampleBytes(8 * MIB, 7)
    const { snapshot, link } = await seedAndOffice({ 'a.bin': bytes, small: sampleBytes(1000, 1) })
    const readers = Array.from({ length: 10 }, () => Promise.all([read(snapshot, 'a.bin'), read(snapshot, 'small')]))
    for (const [large, small] of await Promise.all(readers)) {
      expect(Buffer.compare(large, bytes)).toBe(0)
      expect(small.length).toBe(1000)
    }
    expect(new Set(link.fetches.map(keyOf)).size).toBe(link.fetches.length)
  })

  it('reads ahead further while it has to wait, within its bound', async () => {
    const bytes = sampleBytes(24 * MIB, 8)
    const { snapshot, link } = await seedAndOffice({ 'a.bin': bytes })
    let most = 0
    link.hold = async () => {
      most = Math.max(most, link.waiting())
      await new Promise((resolve) => setImmediate(resolve))
    }
    await read(snapshot, 'a.bin')
    expect(most).toBeGreaterThan(8)
    expect(most).toBeLessThanOrEqual(32)
    expect(link.fetches.slice(0, 2).map(({ priority }) => priority)).toEqual(['reader', 'ahead'])
  })

  it('has what it comes to wait for moved to the front, and asked for once', async () => {
    const { snapshot, link } = await seedAndOffice({ 'a.bin': sampleBytes(4 * MIB, 8) })
    const second = Promise.withResolvers<void>()
    link.hold = ({ index }) => (index === 1 ? second.promise : Promise.resolve())
    const reading = read(snapshot, 'a.bin')
    await until(() => link.raised.length > 0)
    expect(link.raised).toMatchObject([{ index: 1, priority: 'reader' }])
    second.resolve()
    await reading
    expect(link.fetches.filter(({ index }) => index === 1)).toMatchObject([{ priority: 'ahead' }])
    expect(link.abandoned).toBe(0)
  })

  it('asks for no more when the reader leaves', async () => {
    const { snapshot, link } = await seedAndOffice({ 'a.bin': sampleBytes(24 * MIB, 9) })
    const file = await fileOf(snapshot, 'a.bin')
    const body = await snapshot.open(file, signal)
    for await (const part of body.read({ start: 0, end: file.size }, signal)) {
      expect(part.length).toBeGreaterThan(0)
      link.hold = () => new Promise(() => {}) // nothing that is asked for from now on comes
      if (link.waiting() > 0) break
    }
    await body.close()
    await until(() => link.waiting() === 0)
    const asked = link.fetches.length
    await new Promise((resolve) => setImmediate(resolve))
    expect([link.fetches.length, link.waiting()]).toEqual([asked, 0])
    expect(asked).toBeLessThan(24)
  })
})

describe('a read that gets nothing', () => {
  const limits = { firstByteMs: 50, stallMs: 100, lingerMs: 5_000 }

  it('says not-ready before its first byte, and when to come back', async () => {
    const { snapshot, link } = await seedAndOffice({ 'a.bin': sampleBytes(2 * MIB, 10) }, { limits })
    link.hold = () => new Promise(() => {})
    await expect(read(snapshot, 'a.bin')).rejects.toMatchObject({ code: 'not-ready', retryAfter: 5 })
    link.expected = 17.2
    await expect(read(snapshot, 'a.bin')).rejects.toMatchObject({ code: 'not-ready', retryAfter: 18 })
  })

  it('says not-ready when even the chunk list is nowhere', async () => {
    const { snapshot, link } = await seedAndOffice({ 'a.bin': sampleBytes(2 * MIB, 11) }, { limits })
    await snapshot.entries(signal)
    link.disconnect()
    await expect(read(snapshot, 'a.bin')).rejects.toMatchObject({ code: 'not-ready' })
  })

  it('goes on with the chunk that it waited for, so that who comes back finds it', async () => {
    const bytes = sampleBytes(2 * MIB, 12)
    const { snapshot, link } = await seedAndOffice({ 'a.bin': bytes }, { limits })
    const slow = Promise.withResolvers<void>()
    link.hold = () => slow.promise
    const range = { start: 0, end: 10 }
    await expect(read(snapshot, 'a.bin', range)).rejects.toMatchObject({ code: 'not-ready' })
    expect(link.waiting()).toBe(1)
    slow.resolve()
    await until(() => link.waiting() === 0)
    expect(Buffer.compare(await read(snapshot, 'a.bin', range), bytes.subarray(0, 10))).toBe(0)
    expect(link.fetches.length).toBe(1)
  })

  it('fails after its first byte when nothing more comes', async () => {
    const { snapshot, link } = await seedAndOffice({ 'a.bin': sampleBytes(8 * MIB, 13) }, { limits })
    link.hold = async ({ index }) => (index < 2 ? undefined : new Promise(() => {}))
    const file = await fileOf(snapshot, 'a.bin')
    const body = await snapshot.open(file, signal)
    let got = 0
    const reading = async (): Promise<void> => {
      for await (const part of body.read({ start: 0, end: file.size }, signal)) got += part.length
    }
    await expect(reading()).rejects.toMatchObject({ code: 'unreachable' })
    expect(got).toBeGreaterThan(0)
    expect(got).toBeLessThan(file.size)
    await body.close()
  })

  it('ends with its signal', async () => {
    const { snapshot, link } = await seedAndOffice({ 'a.bin': sampleBytes(2 * MIB, 14) })
    link.hold = () => new Promise(() => {})
    const leaving = new AbortController()
    const reading = read(snapshot, 'a.bin', undefined, leaving.signal)
    await until(() => link.waiting() > 0)
    leaving.abort(new Error('the client left'))
    await expect(reading).rejects.toThrow('the client left')
  })
})

describe('a reader that leaves', () => {
  it('while its blob is being opened leaves no file open', async () => {
    const bytes = sampleBytes(1000, 18)
    const { snapshot, store } = await seedAndOffice({ 'a.bin': bytes })
    await read(snapshot, 'a.bin')
    await until(() => store.blobs.has(sha256Of(bytes)))
    const open = store.blobs.open.bind(store.blobs)
    const leaving = new AbortController()
    let left = 0
    store.blobs.open = async (sha256) => {
      const blob = await open(sha256)
      left += 1
      leaving.abort(new Error('gone'))
      return blob && { ...blob, close: async () => void (left -= 1) }
    }
    const file = await fileOf(snapshot, 'a.bin')
    await expect(snapshot.open(file, { signal: leaving.signal })).rejects.toThrow('gone')
    expect(left).toBe(0)
  })

  it('while a chunk is being asked for again gives it up', async () => {
    const want = { manifest: CID, set: CID, index: 0, sha256: sha256Of(Buffer.from('x')), length: 1, start: 0 }
    const asked = Promise.withResolvers<void>()
    const answered = Promise.withResolvers<Lease>()
    const release = vi.fn()
    const never_ = new Promise<never>(() => {})
    const lease = { arrived: never_, stored: never_, ended: never_, isHere: () => false, bytes: () => undefined }
    const chunks: BlobChunks = {
      count: 1,
      locate: async () => 0,
      want: async () => want,
      has: () => true,
      stored: async () => undefined, // the disk has changed it
      ask: () => {
        asked.resolve()
        return answered.promise
      },
      confirmed: async () => false,
      broken: never,
      close: () => {},
    }
    const leaving = new AbortController()
    const link = createLink()
    const options = { source: link, swarm: link, pace: createPace(), meter: createMeter(), limits: DEFAULT_LIMITS }
    const reading = readRange(async () => chunks, { start: 0, end: 1 }, { ...options, signal: leaving.signal }).next()
    await asked.promise
    leaving.abort(new Error('gone'))
    await expect(reading).rejects.toThrow('gone')
    answered.resolve({ ...lease, raise: () => {}, release })
    await expect.poll(() => release.mock.calls.length).toBe(1)
  })
})

describe('bad bytes', () => {
  it('are fetched again when the disk has changed a chunk, and never served', async () => {
    const bytes = sampleBytes(6 * MIB, 15)
    const store = createMemoryStore()
    const openPartial = store.blobs.openPartial.bind(store.blobs)
    const flipped: number[] = []
    // As the disk store does: a chunk that does not hash to its name any more is given up, and wanted again.
    store.blobs.openPartial = async (plan) => {
      const partial: PartialBlob = await openPartial(plan)
      return {
        ...partial,
        readChunk: async (index) => {
          if (index !== 1 || flipped.length > 0) return partial.readChunk(index)
          flipped.push(index)
          partial.have.clear(index)
          return undefined
        },
      }
    }
    const { snapshot, link, meter } = await seedAndOffice({ 'a.bin': bytes }, { store })
    const file = await fileOf(snapshot, 'a.bin')
    const range = { start: 0, end: 1.5 * MIB }
    const first = await read(snapshot, 'a.bin', range)
    const again = await read(snapshot, 'a.bin', range)
    expect(Buffer.compare(first, again)).toBe(0)
    expect(Buffer.compare(again, bytes.subarray(0, 1.5 * MIB))).toBe(0)
    expect(flipped).toEqual([1])
    expect(link.fetches.filter(({ set, index }) => set === file.list && index === 1).length).toBe(2)
    expect(meter.read().rejectedChunks).toBe(1)
  })

  it('of a source that hands out another chunk are not taken', async () => {
    const { snapshot, link, store } = await seedAndOffice({ 'a.bin': sampleBytes(3 * MIB, 16) })
    const fetch = link.fetch.bind(link)
    link.fetch = async (want, options) => {
      const chunk = await fetch(want, options)
      return { ...chunk, bytes: { ...chunk.bytes, sha256: sha256Of(Buffer.from('other')) } }
    }
    await expect(read(snapshot, 'a.bin')).rejects.toMatchObject({ code: 'bad-bytes' })
    expect(await store.blobs.has((await fileOf(snapshot, 'a.bin')).sha256)).toBe(false)
  })

  it('of a list that lies about the whole never become a file, and their reader gets no last byte', async () => {
    const bytes = sampleBytes(3 * MIB, 17)
    const claimed = sha256Of(sampleBytes(1, 1))
    const { seed, library, link, store } = await seedAndOffice({ 'b.bin': sampleBytes(10, 1) })
    const lie = await seed.commit(REPO, { 'a.bin': bytes }, { tamper: (file) => ({ ...file, sha256: claimed }) })
    const since = new Date().toISOString()
    seed.offer(REPO, { refs: { main: { revision: lie.revision, manifest: lie.manifest, since } } })
    link.tell(await seed.seal())
    await until(async () => (await library.resolve(REPO, 'main', signal)).revision === lie.revision)
    const snapshot = await library.resolve(REPO, 'main', signal)
    const body = await snapshot.open(await fileOf(snapshot, 'a.bin'), signal)
    let got = 0
    const reading = async (): Promise<void> => {
      for await (const part of body.read({ start: 0, end: bytes.length }, { signal: never })) got += part.length
    }
    await expect(reading()).rejects.toMatchObject({ code: 'bad-bytes' })
    expect(got).toBeLessThan(bytes.length)
    await expect(read(snapshot, 'a.bin')).rejects.toMatchObject({ code: 'bad-bytes' })
    await expect(library.pull(REPO, 'main', signal)).rejects.toMatchObject({ code: 'bad-bytes' })
    expect(await store.blobs.has(claimed)).toBe(false)
    expect(store.catalogs.refusals()[0]).toMatchObject({
      kind: 'malformed',
      subject: `model:acme/voice@${lie.revision}`,
    })
  })
})
