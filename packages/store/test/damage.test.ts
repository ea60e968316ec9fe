import { link, readdir, rm, stat, utimes, chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { type BlobStore, MIB, type PartialBlob, nameBytes, sha256Of } from '@hubmesh/content'
import { flipBit, sampleBlob, sampleBytes } from '@hubmesh/testing'
import { useHomes } from './homes.ts'

const sample = sampleBlob(3 * MIB, 2)
const blobPath = (home: string, sha256: string): string => join(home, 'blobs', 'sha256', sha256.slice(0, 2), sha256)

describe('a partial that the disk damages', () => {
  const newHome = useHomes()

  it('wants the chunk again, also after a restart', async () => {
    const home = await newHome()
    let store = await home.open()
    await store.blocks.put(sample.blocks)
    const partial = await store.blobs.openPartial(sample.plan)
    await putChunks(partial, [0, 1, 2])
    await flipBit(join(home.home, 'partial', sample.list), offsetOf(1) + 5)
    expect(await store.shelf.read(sample.list, 1, new Uint8Array(MIB))).toBeUndefined()
    expect((await store.shelf.have(sample.list))?.has(1)).toBe(false)
    expect(await partial.readChunk(1)).toBeUndefined()
    expect((await partial.readChunk(2))?.sha256).toBe(sample.chunks[2]?.sha256)
    await partial.close()
    store = await home.open()
    const again = await store.blobs.openPartial(sample.plan)
    expect([0, 1, 2].map((index) => again.have.has(index))).toEqual([true, false, true])
    await putChunks(again, sample.chunks.keys())
    await again.finished
    await again.close()
  })

  it('does not blame the publisher for it', async () => {
    const home = await newHome()
    let store = await home.open()
    const partial = await store.blobs.openPartial(sample.plan)
    const last = sample.chunks.length - 1
    await putChunks(partial, [...sample.chunks.keys()].slice(0, last))
    await partial.close()
    await home.close()
    await flipBit(join(home.home, 'partial', sample.list), 7)
    store = await home.open()
    const again = await store.blobs.openPartial(sample.plan)
    await putChunks(again, [last])
    await vi.waitFor(() => expect(again.have.has(0)).toBe(false), { timeout: 10_000 })
    await putChunks(again, [0])
    await again.finished
    await again.close()
    expect(await store.blobs.has(sample.sha256)).toBe(true)
  })
})

// The smaller one is in memory once it was read.
describe.each([200_000, 3_000])('a blob of %d bytes that is changed from outside', (size) => {
  const newHome = useHomes()
  const bytes = nameBytes(sampleBytes(size, 3))

  const withBlob = async () => {
    const home = await newHome()
    const store = await home.open()
    await store.blobs.putBlob(bytes)
    await readBlob(store.blobs)
    return { home, store, path: blobPath(home.home, bytes.sha256) }
  }

  const readBlob = async (blobs: BlobStore): Promise<void> => {
    const handle = await blobs.open(bytes.sha256)
    const buffer = new Uint8Array(size)
    expect(await handle?.readInto(0, buffer)).toBe(size)
    expect(sha256Of(buffer)).toBe(bytes.sha256)
    await handle?.close()
  }

  it('is not handed out, and stays in quarantine when its bytes are wrong', async () => {
    const { home, store, path } = await withBlob()
    await chmod(path, 0o600)
    await flipBit(path, 1000)
    expect(await store.blobs.open(bytes.sha256)).toBeUndefined()
    expect(await store.blobs.has(bytes.sha256)).toBe(false)
    expect(store.blobs.usage()).toMatchObject({ blobs: 0, bytes: 0 })
    const quarantine = join(home.home, 'quarantine')
    await vi.waitFor(async () => expect(await readdir(quarantine)).toEqual([`${bytes.sha256}.bad`]), {
      timeout: 10_000,
    })
    await store.blobs.putBlob(bytes)
    await readBlob(store.blobs)
  })

  it('comes back when its bytes are right', async () => {
    const { store, path } = await withBlob()
    await utimes(path, new Date(), new Date())
    expect(await store.blobs.open(bytes.sha256)).toBeUndefined()
    await vi.waitFor(async () => expect(await store.blobs.has(bytes.sha256)).toBe(true), { timeout: 10_000 })
    await readBlob(store.blobs)
  })

  it('is absent when its file is gone', async () => {
    const { store, path } = await withBlob()
    await rm(path)
    expect(await store.blobs.open(bytes.sha256)).toBeUndefined()
    expect(await store.blobs.has(bytes.sha256)).toBe(false)
  })

  it('is handed out all the same when only a hard link was made', async () => {
    const { home, store, path } = await withBlob()
    await link(path, join(home.home, 'placed'))
    await readBlob(store.blobs)
  })

  it('was read-only, in a home of this user alone', async () => {
    const { home, path } = await withBlob()
    expect((await stat(path)).mode & 0o777).toBe(0o444)
    expect(await readdir(join(home.home, 'partial'))).toEqual([])
  })

  it('tells the shelf', async () => {
    const home = await newHome()
    const store = await home.open()
    const ingest = await store.blobs.ingest({ key: 'key', size: sample.size, expect: { sha256: sample.sha256 } })
    await ingest.write(0, sample.bytes)
    await ingest.finish(new AbortController().signal)
    await ingest.close()
    expect((await store.shelf.have(sample.list))?.complete).toBe(true)
    await rm(blobPath(home.home, sample.sha256))
    expect(await store.blobs.open(sample.sha256)).toBeUndefined()
    expect(await store.shelf.have(sample.list)).toBeUndefined()
  })
})

const putChunks = async (partial: PartialBlob, indexes: Iterable<number>): Promise<void> => {
  for (const index of indexes) {
    const chunk = sample.chunks[index]
    if (chunk === undefined) throw new Error(`no chunk ${index}`)
    await partial.putChunk(index, chunk)
  }
}

const offsetOf = (index: number): number => sample.chunks.slice(0, index).reduce((sum, chunk) => sum + chunk.length, 0)
