import {
  CHUNKS_PER_PAGE,
  type ChunkList,
  type ChunkPage,
  type Cid,
  MeshError,
  type Sha256,
  chunkOfPage,
  decodeChunkList,
  decodeChunkPage,
} from '@hubmesh/content'
import type { Blocks } from './blocks.ts'

interface PlacedChunk {
  readonly index: number
  /** Offset of its first byte in the blob. */
  readonly start: number
  readonly length: number
  readonly sha256: Sha256
}

/** Where in a blob each chunk of its list lies. Pages are fetched when they are needed first, and decoded once. */
export interface Layout {
  readonly chunks: number
  readonly page: (index: number) => Promise<ChunkPage>
  chunk(index: number): Promise<PlacedChunk>
  /** Index of the chunk that holds the byte. */
  locate(offset: number): Promise<number>
}

interface PlacedPage {
  readonly page: ChunkPage
  /** Offset of each chunk in the blob, and of the page's end. */
  readonly starts: Float64Array
}

/**
 * Fetches a chunk list's root and its last page, which tells how many chunks there are.
 * @param signal ends all fetching, also of pages later on
 * @throws MeshError `bad-bytes` when the list is for another size, `not-ready`
 */
export const openLayout = async (
  blocks: Blocks,
  blob: { list: Cid; size: number },
  signal: AbortSignal,
): Promise<Layout> => {
  const list = decodeChunkList((await blocks.block(blob.list, { signal })).bytes)
  if (list.size !== blob.size)
    throw new MeshError('bad-bytes', `chunk list ${blob.list} is of ${list.size} bytes, its file of ${blob.size}`)
  const starts = startsOf(list)
  const pages = new Map<number, Promise<PlacedPage>>()

  const placed = (index: number): Promise<PlacedPage> => {
    const known = pages.get(index)
    if (known !== undefined) return known
    const page = loadPage(index)
    pages.set(index, page)
    page.catch(() => pages.delete(index))
    return page
  }
  const loadPage = async (index: number): Promise<PlacedPage> => {
    const span = list.pages[index]
    if (span === undefined) throw new MeshError('bad-input', `chunk list ${blob.list} has no page ${index}`)
    const block = await blocks.block(span.cid, { signal })
    const page = decodeChunkPage(list, index, block.bytes)
    return { page, starts: runningSum(page.lengths, starts[index] ?? 0) }
  }

  const lastPage = list.pages.length - 1
  const { page: last } = await placed(lastPage)
  return {
    chunks: lastPage * CHUNKS_PER_PAGE + last.lengths.length,
    page: async (index) => (await placed(index)).page,
    chunk: async (index) => {
      const { page, starts } = await placed(Math.floor(index / CHUNKS_PER_PAGE))
      const within = index % CHUNKS_PER_PAGE
      return { index, start: starts[within] ?? 0, ...chunkOfPage(page, within) }
    },
    locate: async (offset) => {
      const page = lastAtOrBelow(starts, offset)
      return page * CHUNKS_PER_PAGE + lastAtOrBelow((await placed(page)).starts, offset)
    },
  }
}

const startsOf = (list: ChunkList): Float64Array =>
  runningSum(
    list.pages.map((page) => page.bytes),
    0,
  )

/** `first`, and after each length what it has grown to. */
const runningSum = (lengths: ArrayLike<number>, first: number): Float64Array => {
  const starts = new Float64Array(lengths.length + 1)
  starts[0] = first
  for (let index = 0; index < lengths.length; index += 1)
    starts[index + 1] = (starts[index] ?? 0) + (lengths[index] ?? 0)
  return starts
}

/** Index of the span that holds the offset; the last entry of `starts` is the end of the last span. */
const lastAtOrBelow = (starts: Float64Array, offset: number): number => {
  let low = 0
  let high = starts.length - 2
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return low
}
