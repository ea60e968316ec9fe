import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import {
  CHUNKER,
  chunkOfPage,
  decodeCatalogRoot,
  decodeChunkList,
  decodeChunkPage,
  decodeHead,
  decodeHistory,
  decodeManifest,
  decodeManifestPage,
  decodeShard,
  decodeValue,
  encodeBlock,
  parseCid,
  shardOf,
  singleChunkFiles,
  verifyBlock,
} from '../src/index.ts'
import { BLOBS, type BlobVector, type BlockVector, blobVector, blockVectors, cidVectors } from './vector-cases.ts'

const read = async <T>(name: string): Promise<T> =>
  JSON.parse(await readFile(new URL(`vectors/${name}.json`, import.meta.url), 'utf8')) as T

const chunking = await read<{ chunker: string; blobs: BlobVector[] }>('chunking')
const { cids, blocks } = await read<{ cids: object; blocks: BlockVector[] }>('blocks')

// If one of these fails, the format has changed: see FORMAT.md, "Versions".
describe('golden values of the chunker', () => {
  it('bear its name', () => expect(CHUNKER).toBe(chunking.chunker))
  it.each(BLOBS)('$name', (blob) => {
    expect(blobVector(blob)).toEqual(chunking.blobs.find(({ name }) => name === blob.name))
  })
})

describe('golden bytes of the blocks', () => {
  const named = new Map(blocks.map((block) => [block.name, block]))
  const bytesOf = (name: string): Uint8Array => {
    const vector = named.get(name)
    if (vector === undefined) throw new Error(`no vector ${name}`)
    return verifyBlock(parseCid(vector.cid), Uint8Array.from(Buffer.from(vector.hex, 'hex'))).bytes
  }

  it.each(blockVectors())('$name', (block) => expect(block).toEqual(named.get(block.name)))

  it.each(blocks)('$name: canonical, the same bytes after decoding and encoding', ({ hex }) => {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'))
    expect(Buffer.from(encodeBlock(decodeValue(bytes)).bytes).toString('hex')).toBe(hex)
  })

  it('CIDs', () => expect(cidVectors()).toEqual(cids))

  it('are read as what they are', () => {
    const list = decodeChunkList(bytesOf('chunk list of 3 chunks'))
    const page = decodeChunkPage(list, 0, bytesOf('chunk list page of 3 chunks'))
    expect([0, 1, 2].map((index) => chunkOfPage(page, index).length)).toEqual([300_000, 65_536, 1])
    expect(list.size).toBe(365_537)
    const large = decodeChunkList(bytesOf('chunk list of 1 025 chunks'))
    expect(decodeChunkPage(large, 1, bytesOf('last page of a chunk list of 1 025 chunks')).lengths).toEqual(
      Uint32Array.of(1124),
    )
    const entries = decodeManifestPage(bytesOf('manifest page'))
    expect(entries.map(({ path }) => path)).toEqual(['données', 'données/模型.json', 'empty', 'weights.safetensors'])
    expect(singleChunkFiles(entries).map(({ path }) => path)).toEqual(['données/模型.json'])
    const repo = { type: 'model', id: 'acme/voice' } as const
    expect(decodeManifest(bytesOf('manifest'))).toMatchObject({ repo, info: { score: 0.5, nothing: null } })
    expect(decodeHistory(bytesOf('history')).map(({ title }) => title)).toEqual(['Ünïcode 🤗', ''])
    expect(shardOf(repo)).toBe(36)
    expect(decodeShard(36, bytesOf('catalog shard'))).toMatchObject([{ repo, defaultBranch: 'main' }])
    const { shards, ...root } = decodeCatalogRoot(bytesOf('catalog root'))
    expect(shards).toHaveLength(64)
    expect(decodeHead(bytesOf('catalog head'))).toEqual({ ...root, root: named.get('catalog root')?.cid })
  })
})
