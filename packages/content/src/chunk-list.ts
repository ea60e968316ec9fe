import { z } from 'zod'
import { type Block, type Cid, decodeValue, encodeBlock, link } from './block.ts'
import { type Sha256, sha256FromBytes } from './digest.ts'
import { MeshError } from './errors.ts'
import { CHUNKS_PER_PAGE, MAX_CHUNK_BYTES, MAX_FILE_BYTES } from './limits.ts'
import { linkSchema, parseAs, sizeSchema } from './schema.ts'

/** The root of a chunk list: which bytes of the blob each page covers. Every page but the last holds 1 024 chunks. */
export interface ChunkList {
  readonly v: 1
  /** Bytes of the blob. */
  readonly size: number
  /** Name and version of the cutter that made it; a reader needs neither to verify. */
  readonly chunker: string
  readonly pages: readonly { readonly cid: Cid; readonly bytes: number }[]
}

/** One page: lengths in bytes and 32-byte digests, in file order. */
export interface ChunkPage {
  readonly lengths: Uint32Array
  readonly digests: Uint8Array
}

export interface Chunk {
  readonly sha256: Sha256
  readonly length: number
}

const listSchema = z.looseObject({
  v: z.literal(1),
  size: sizeSchema.min(1),
  chunker: z.string().min(1).max(64),
  pages: z
    .array(
      z.looseObject({
        cid: linkSchema,
        bytes: z
          .number()
          .int()
          .min(1)
          .max(CHUNKS_PER_PAGE * MAX_CHUNK_BYTES),
      }),
    )
    .min(1),
})

const pageSchema = z.looseObject({
  v: z.literal(1),
  lengths: z.instanceof(Uint8Array),
  digests: z.instanceof(Uint8Array),
})

/** Builds the blocks of a list from all chunks of a blob, root last. @throws MeshError `bad-input` for no chunks */
export const encodeChunkList = (chunker: string, chunks: readonly Chunk[]): { root: Block; pages: Block[] } => {
  if (chunks.length === 0) throw new MeshError('bad-input', 'an empty blob has no chunk list')
  const pages: Block[] = []
  const spans: { cid: unknown; bytes: number }[] = []
  let size = 0
  for (let at = 0; at < chunks.length; at += CHUNKS_PER_PAGE) {
    const part = chunks.slice(at, at + CHUNKS_PER_PAGE)
    const page = encodePage(part)
    const bytes = part.reduce((sum, chunk) => sum + chunk.length, 0)
    pages.push(page)
    spans.push({ cid: link(page.cid), bytes })
    size += bytes
  }
  return { root: encodeBlock({ v: 1, size, chunker, pages: spans }), pages }
}

/** @throws MeshError `bad-bytes` */
export const decodeChunkList = (bytes: Uint8Array): ChunkList => {
  const list = parseAs('chunk list', listSchema, decodeValue(bytes))
  if (list.pages.reduce((sum, page) => sum + page.bytes, 0) !== list.size || list.size > MAX_FILE_BYTES) {
    throw new MeshError('bad-bytes', 'not a valid chunk list: its pages do not add up to its size')
  }
  return list
}

/** Decodes page `index` of the list and holds it against what the root says of it. @throws MeshError `bad-bytes` */
export const decodeChunkPage = (list: ChunkList, index: number, bytes: Uint8Array): ChunkPage => {
  const page = parseAs('chunk list page', pageSchema, decodeValue(bytes))
  const count = page.lengths.length / 4
  const wanted = index < list.pages.length - 1 ? count === CHUNKS_PER_PAGE : count >= 1 && count <= CHUNKS_PER_PAGE
  if (!wanted || page.digests.length !== count * 32)
    throw new MeshError('bad-bytes', 'not a valid chunk list page: wrong count')
  const lengths = unpackLengths(page.lengths)
  let sum = 0
  for (const length of lengths) {
    if (length === 0 || length > MAX_CHUNK_BYTES)
      throw new MeshError('bad-bytes', 'not a valid chunk list page: a chunk of 0 or over 1 MiB')
    sum += length
  }
  if (sum !== list.pages[index]?.bytes)
    throw new MeshError('bad-bytes', 'not a valid chunk list page: lengths do not add up')
  return { lengths, digests: page.digests }
}

/** Chunk `index` of a page (0 to 1 023). */
export const chunkOfPage = (page: ChunkPage, index: number): Chunk => ({
  sha256: sha256FromBytes(page.digests.subarray(index * 32, index * 32 + 32)),
  length: page.lengths[index] ?? 0,
})

const encodePage = (chunks: readonly Chunk[]): Block => {
  const lengths = new DataView(new ArrayBuffer(chunks.length * 4))
  const digests = Buffer.alloc(chunks.length * 32)
  for (const [index, chunk] of chunks.entries()) {
    lengths.setUint32(index * 4, chunk.length, true)
    digests.write(chunk.sha256, index * 32, 'hex')
  }
  return encodeBlock({ v: 1, lengths: new Uint8Array(lengths.buffer), digests: new Uint8Array(digests) })
}

const unpackLengths = (packed: Uint8Array): Uint32Array => {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  const lengths = new Uint32Array(packed.length / 4)
  for (let index = 0; index < lengths.length; index += 1) lengths[index] = view.getUint32(index * 4, true)
  return lengths
}
