import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { EMPTY_SHA256, KIB, MIB, type Ingest, nameBytes, sha256Of } from '@hubmesh/content'
import { partialSuite } from './partial-blobs.ts'
import { type SampleBlob, describeBlob, sampleBlob, sampleBytes } from './samples.ts'
import { type OpenStore, readDigest, useStore } from './store-under-test.ts'

const never = new AbortController().signal

/** What every BlobStore does, whatever it keeps its bytes in. */
export const blobStoreSuite = (open: OpenStore): void => {
  describe('blobs', () => smallBlobSuite(open))
  describe('partials', () => partialSuite(open))
  describe('ingest', () => ingestSuite(open))
  describe('ingest of a file', () => ingestFileSuite(open))
}

const smallBlobSuite = (open: OpenStore): void => {
  const store = useStore(open)

  it('keeps a blob of one chunk', async () => {
    const bytes = nameBytes(sampleBytes(3000, 1))
    expect(await store().blobs.has(bytes.sha256)).toBe(false)
    await store().blobs.putBlob(bytes)
    expect(await store().blobs.has(bytes.sha256)).toBe(true)
    expect(await readDigest(store(), bytes.sha256)).toBe(bytes.sha256)
    expect((await store().blobs.chunk(bytes.sha256))?.length).toBe(3000)
    expect(store().blobs.usage()).toMatchObject({ bytes: 3000, blobs: 1 })
  })

  it('counts a blob that is put twice, at the same time, once', async () => {
    const bytes = nameBytes(sampleBytes(3000, 1))
    await Promise.all([store().blobs.putBlob(bytes), store().blobs.putBlob(bytes), store().blobs.putBlob(bytes)])
    await store().blobs.putBlob(bytes)
    expect(store().blobs.usage()).toMatchObject({ bytes: 3000, blobs: 1 })
  })

  it('reads at any offset, and ends at the end', async () => {
    const bytes = nameBytes(sampleBytes(3000, 1))
    await store().blobs.putBlob(bytes)
    const handle = await store().blobs.open(bytes.sha256)
    const buffer = new Uint8Array(1000)
    expect(await handle?.readInto(2500, buffer)).toBe(500)
    expect(buffer.subarray(0, 500)).toEqual(bytes.parts[0]?.subarray(2500))
    expect(await handle?.readInto(3000, buffer)).toBe(0)
    await handle?.close()
  })

  it('does not know what was never stored', async () => {
    const { sha256 } = nameBytes(sampleBytes(10, 2))
    expect(await store().blobs.open(sha256)).toBeUndefined()
    expect(await store().blobs.adoptBlob(sha256)).toBe(false)
    expect(await store().blobs.chunk(sha256)).toBeUndefined()
  })

  it('has the empty blob from the start', async () => {
    expect(await store().blobs.has(EMPTY_SHA256)).toBe(true)
    expect(await readDigest(store(), EMPTY_SHA256)).toBe(EMPTY_SHA256)
  })

  it('makes a small blob out of a chunk of a large one', async () => {
    const sample = sampleBlob(3 * MIB, 3)
    const [chunk] = sample.chunks
    if (chunk === undefined) throw new Error('no chunk')
    await ingestAll(store(), sample)
    for (const { sha256, length } of sample.chunks)
      expect(await store().blobs.chunk(sha256)).toMatchObject({ sha256, length })
    expect(await store().blobs.has(chunk.sha256)).toBe(false)
    expect(await store().blobs.adoptBlob(chunk.sha256)).toBe(true)
    expect(await readDigest(store(), chunk.sha256)).toBe(chunk.sha256)
    expect(store().meter.read().localBytes).toBe(chunk.length)
  })
}

const ingestSuite = (open: OpenStore): void => {
  const store = useStore(open)

  it.each([1, 64 * KIB - 1, 64 * KIB, MIB - 1, MIB, MIB + 1, 5 * MIB + 7])(
    'takes %i bytes in any order',
    async (size) => {
      const sample = sampleBlob(size, size)
      const blob = await ingestAll(store(), sample)
      const list = sample.chunks.length > 1 ? { list: sample.list } : {}
      expect(blob).toEqual({ sha256: sample.sha256, gitOid: sample.gitOid, size, ...list })
      expect(await readDigest(store(), sample.sha256)).toBe(sample.sha256)
      expect(store().blobs.usage()).toMatchObject({ bytes: size, blobs: 1 })
      for (const block of blob.list === undefined ? [] : sample.blocks)
        expect(await store().blocks.has(block.cid)).toBe(true)
    },
  )

  it('takes nothing at all', async () => {
    const ingest = await store().blobs.ingest({ key: 'empty', size: 0, expect: { sha256: EMPTY_SHA256 } })
    expect(ingest.missing()).toEqual([])
    expect(await ingest.finish(never)).toEqual({ sha256: EMPTY_SHA256, size: 0 })
    await ingest.close()
  })

  it.each([1000, 3 * MIB])('refuses %i bytes that are not what was expected, and begins again', async (size) => {
    const sample = sampleBlob(size, 4)
    for (const expect_ of [{ sha256: sha256Of(sampleBytes(9, 9)) }, { gitOid: sampleBlob(9, 9).gitOid }]) {
      const plan = { key: 'wrong', size, expect: expect_ }
      const ingest = await store().blobs.ingest(plan)
      expect(ingest.missing()).toEqual([{ start: 0, end: size }])
      await ingest.write(0, sample.bytes)
      await expect(ingest.finish(never)).rejects.toMatchObject({ code: 'bad-bytes' })
      await ingest.close()
      expect(await store().blobs.has(sample.sha256)).toBe(false)
    }
    expect(store().blobs.usage()).toMatchObject({ blobs: 0 })
  })

  it('refuses bytes from outside its size, and to finish early', async () => {
    const ingest = await store().blobs.ingest(planFor(sampleBlob(3 * MIB, 5)))
    await expect(ingest.write(3 * MIB - 1, new Uint8Array(2))).rejects.toMatchObject({ code: 'bad-input' })
    await expect(ingest.write(-1, new Uint8Array(2))).rejects.toMatchObject({ code: 'bad-input' })
    await ingest.write(0, new Uint8Array(MIB))
    await expect(ingest.finish(never)).rejects.toMatchObject({ code: 'bad-input' })
    await ingest.close()
  })

  it.each([1000, 3 * MIB])('keeps what came first of %i bytes: it may have been hashed', async (size) => {
    const sample = sampleBlob(size, 8)
    const ingest = await store().blobs.ingest(planFor(sample))
    await ingest.write(100, sample.bytes.subarray(100))
    await ingest.write(0, sample.bytes.subarray(0, 100))
    await ingest.write(0, new Uint8Array(size))
    expect((await ingest.finish(never)).sha256).toBe(sample.sha256)
    await ingest.close()
    expect(await readDigest(store(), sample.sha256)).toBe(sample.sha256)
  })

  it('takes up again what was left', async () => {
    const sample = sampleBlob(6 * MIB, 6)
    const first = await store().blobs.ingest(planFor(sample))
    await first.write(2 * MIB, sample.bytes.subarray(2 * MIB, 5 * MIB))
    await first.close()
    const second = await store().blobs.ingest(planFor(sample))
    expect(second.missing()).toEqual([
      { start: 0, end: 2 * MIB },
      { start: 5 * MIB, end: 6 * MIB },
    ])
    await writeMissing(second, sample)
    expect((await second.finish(never)).sha256).toBe(sample.sha256)
    await second.close()
    expect(await readDigest(store(), sample.sha256)).toBe(sample.sha256)
  })

  it('ends with the signal', async () => {
    const sample = sampleBlob(3 * MIB, 7)
    const ingest = await store().blobs.ingest(planFor(sample))
    await writeMissing(ingest, sample)
    await expect(ingest.finish(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
    expect((await ingest.finish(never)).sha256).toBe(sample.sha256)
    await ingest.close()
  })
}

const ingestFileSuite = (open: OpenStore): void => {
  const store = useStore(open)

  it.each([0, 5, 3 * MIB + 1])('reads a file of %i bytes', async (size) => {
    const folder = await mkdtemp(join(tmpdir(), 'hubmesh-suite-'))
    try {
      const bytes = sampleBytes(size, 8)
      const path = join(folder, 'file')
      await writeFile(path, bytes)
      const seen: number[] = []
      const options = { gitOid: true, signal: never, onProgress: (done: number) => seen.push(done) }
      const blob = await store().blobs.ingestFile(path, options)
      const sample = size === 0 ? undefined : describeBlob(bytes)
      const list = sample === undefined || sample.chunks.length < 2 ? {} : { list: sample.list }
      const gitOid = sample?.gitOid ?? 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
      expect(blob).toEqual({ sha256: sha256Of(bytes), size, gitOid, ...list })
      expect(await readDigest(store(), blob.sha256)).toBe(blob.sha256)
      expect(seen.at(-1) ?? 0).toBe(size)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
}

const planFor = (sample: SampleBlob) => ({
  key: sample.gitOid,
  size: sample.size,
  expect: { sha256: sample.sha256, gitOid: sample.gitOid },
})

/** Writes what is missing in pieces of no round size, the last first, all at once. */
const writeMissing = async (ingest: Ingest, sample: SampleBlob): Promise<void> => {
  const step = 300_001
  const writes: Promise<void>[] = []
  for (const { start, end } of ingest.missing().toReversed())
    for (let at = start; at < end; at += step)
      writes.unshift(ingest.write(at, sample.bytes.subarray(at, Math.min(at + step, end))))
  await Promise.all(writes)
}

const ingestAll = async ({ blobs }: ReturnType<ReturnType<typeof useStore>>, sample: SampleBlob) => {
  const ingest = await blobs.ingest(planFor(sample))
  try {
    await writeMissing(ingest, sample)
    return await ingest.finish(never)
  } finally {
    await ingest.close()
  }
}
