import { describe, expect, it } from 'vitest'
import {
  type Block,
  type ChunkShelf,
  type Cid,
  type FileEntry,
  type GitOid,
  MAX_CHUNK_BYTES,
  MIB,
  encodeBlock,
  encodeManifest,
  type Sha256,
  gitBlobOid,
  nameBytes,
  sha256Of,
} from '@hubmesh/content'
import type { StoreParts } from '../memory/store.ts'
import { sampleBlob, sampleBytes } from './samples.ts'
import { type OpenStore, useStore } from './store-under-test.ts'

/** What every ChunkShelf does. */
export const chunkShelfSuite = (open: OpenStore): void => {
  describe('shelf', () => {
    describe('of chunk lists', () => listSuite(open))
    describe('of manifests', () => manifestSuite(open))
  })
}

const listSuite = (open: OpenStore): void => {
  const store = useStore(open)
  const sample = sampleBlob(3 * MIB, 30)
  const [first, second] = sample.chunks
  if (first === undefined || second === undefined) throw new Error('two chunks are needed')

  it('has never heard of what is not here', async () => {
    const { shelf } = store()
    expect(await shelf.have(sample.list)).toBeUndefined()
    expect(await shelf.have(encodeBlock({ v: 1, other: true }).cid)).toBeUndefined()
    expect(await shelf.read(sample.list, 0, buffer())).toBeUndefined()
  })

  it('is not misled by a block of another kind', async () => {
    const other = encodeBlock({ v: 1, other: true })
    await store().blocks.put([other])
    expect(await store().shelf.have(other.cid)).toBeUndefined()
    expect(await store().shelf.read(other.cid, 0, buffer())).toBeUndefined()
  })

  it('serves a partial as it grows, tells of each chunk, and serves the blob after', async () => {
    const { blobs, blocks, shelf } = store()
    await blocks.put(sample.blocks)
    const partial = await blobs.openPartial(sample.plan)
    const heard: [Cid, number][] = []
    const stop = shelf.onHave((set, index) => heard.push([set, index]))
    await partial.putChunk(1, second)
    expect(heard).toEqual([[sample.list, 1]])
    expect((await shelf.have(sample.list))?.count).toBe(1)
    expect(await readHash(shelf, sample.list, 1)).toBe(second.sha256)
    expect(await shelf.read(sample.list, 0, buffer())).toBeUndefined()
    for (const [index, chunk] of sample.chunks.entries()) await partial.putChunk(index, chunk)
    await partial.finished
    await partial.close()
    expect(heard.map(([, index]) => index).toSorted((a, b) => a - b)).toEqual([...sample.chunks.keys()])
    stop()
    await expectWhole(store(), sample)
  })

  it('gives a bitmap of its own', async () => {
    const { blobs, blocks, shelf } = store()
    await blocks.put(sample.blocks)
    const partial = await blobs.openPartial(sample.plan)
    const have = await shelf.have(sample.list)
    have?.set(0)
    expect(partial.have.has(0)).toBe(false)
    await partial.close()
  })

  it('serves what was ingested', async () => {
    const { blobs } = store()
    const ingest = await blobs.ingest({ key: 'key', size: sample.size, expect: { sha256: sample.sha256 } })
    await ingest.write(0, sample.bytes)
    await ingest.finish(new AbortController().signal)
    await ingest.close()
    await expectWhole(store(), sample)
  })
}

const manifestSuite = (open: OpenStore): void => {
  const store = useStore(open)
  const small = [1, 2, 3].map((seed) => nameBytes(sampleBytes(1000 * seed, seed)))
  const [one, two, three] = small
  if (one === undefined || two === undefined || three === undefined) throw new Error('three files are needed')

  it('serves the files of one chunk, and tells of each that comes', async () => {
    const { blobs, blocks, shelf } = store()
    const manifest = manifestOf(
      small.map(({ sha256, length }, index) => ({ path: `file${index}`, sha256, size: length })),
    )
    expect(await shelf.have(manifest.cid)).toBeUndefined()
    await blocks.put(manifest.blocks)
    await blobs.putBlob(two)
    const have = await shelf.have(manifest.cid)
    expect([have?.length, have?.count, have?.has(1)]).toEqual([3, 1, true])
    expect(await readHash(shelf, manifest.cid, 1)).toBe(two.sha256)
    expect(await shelf.read(manifest.cid, 0, buffer())).toBeUndefined()
    expect(await shelf.read(manifest.cid, 3, buffer())).toBeUndefined()
    const heard: [Cid, number][] = []
    shelf.onHave((set, index) => heard.push([set, index]))
    await blobs.putBlob(three)
    expect(heard).toEqual([[manifest.cid, 2]])
    expect((await shelf.have(manifest.cid))?.count).toBe(2)
    expect(await readHash(shelf, manifest.cid, 2)).toBe(three.sha256)
  })

  it('counts a blob under two names once', async () => {
    const { blobs, blocks, shelf } = store()
    const files = [one, one, two].map(({ sha256, length }, index) => ({ path: `f${index}`, sha256, size: length }))
    const manifest = manifestOf(files)
    await blocks.put(manifest.blocks)
    await blobs.putBlob(two)
    const have = await shelf.have(manifest.cid)
    expect([have?.length, have?.has(0), have?.has(1)]).toEqual([2, false, true])
  })

  it('does not know a manifest whose pages are missing, until they come', async () => {
    const { blocks, shelf } = store()
    const manifest = manifestOf([{ path: 'a', sha256: one.sha256, size: one.length }])
    await blocks.put(manifest.blocks.slice(-1))
    expect(await shelf.have(manifest.cid)).toBeUndefined()
    await blocks.put(manifest.blocks)
    expect((await shelf.have(manifest.cid))?.length).toBe(1)
  })
}

const expectWhole = async ({ shelf }: StoreParts, sample: ReturnType<typeof sampleBlob>): Promise<void> => {
  expect((await shelf.have(sample.list))?.complete).toBe(true)
  for (const [index, chunk] of sample.chunks.entries())
    expect(await readHash(shelf, sample.list, index)).toBe(chunk.sha256)
  expect(await shelf.read(sample.list, sample.chunks.length, buffer())).toBeUndefined()
}

const readHash = async (shelf: ChunkShelf, set: Cid, index: number): Promise<Sha256 | undefined> => {
  const bytes = await shelf.read(set, index, buffer())
  return bytes && sha256Of(bytes)
}

const buffer = (): Uint8Array => new Uint8Array(MAX_CHUNK_BYTES)

const manifestOf = (
  files: readonly Pick<FileEntry, 'path' | 'sha256' | 'size'>[],
): { cid: Cid; blocks: readonly Block[] } => {
  const date = '2026-11-01T00:00:00.000Z'
  const revision = '1'.repeat(40) as GitOid
  const { root, pages } = encodeManifest({
    repo: { type: 'model', id: 'owner/name' },
    revision,
    createdAt: date,
    upstream: 'https://hub.example',
    info: {},
    commit: { id: revision, title: 'a commit', date },
    entries: files.map((file) => ({ ...file, oid: gitBlobOid(new TextEncoder().encode(file.path)) })),
  })
  return { cid: root.cid, blocks: [...pages, root] }
}
