import { CHUNKS_PER_PAGE, type ChunkPage, MeshError } from '@hubmesh/content'

export interface LocatedChunk {
  readonly offset: number
  readonly length: number
  /** 32 bytes. */
  readonly digest: Uint8Array
}

/** Where each chunk of a list lies in its blob. */
export interface ChunkMap {
  /** @throws MeshError `bad-bytes` when the list has no such chunk */
  locate(index: number): Promise<LocatedChunk>
}

/** Pages that one map keeps decoded: 46 KB each. */
const MAX_PAGES = 32

interface MappedPage {
  readonly page: ChunkPage
  /** Offset of each chunk in the blob, and of the page's end. */
  readonly offsets: Float64Array
}

/**
 * @param pageBytes what the list's root says of its pages; where it is not at hand, a page's place is the sum of all before it
 */
export const createChunkMap = (
  { chunks, pageBytes }: { chunks: number; pageBytes: readonly number[] | undefined },
  loadPage: (page: number) => Promise<ChunkPage>,
): ChunkMap => {
  const pages = new Map<number, Promise<MappedPage>>()
  const starts = [0]
  for (const bytes of pageBytes ?? []) starts.push((starts.at(-1) ?? 0) + bytes)

  const startOf = async (page: number): Promise<number> => {
    for (let known = starts.length - 1; known < page; known += 1) {
      const { lengths } = await loadPage(known)
      starts[known + 1] = (starts[known] ?? 0) + lengths.reduce((sum, length) => sum + length, 0)
    }
    return starts[page] ?? 0
  }

  const mapPage = async (number: number): Promise<MappedPage> => {
    const [page, start] = await Promise.all([loadPage(number), startOf(number)])
    const offsets = new Float64Array(page.lengths.length + 1)
    offsets[0] = start
    for (const [at, length] of page.lengths.entries()) offsets[at + 1] = (offsets[at] ?? 0) + length
    return { page, offsets }
  }

  const pageOf = async (number: number): Promise<MappedPage> => {
    const mapped = pages.get(number) ?? mapPage(number)
    pages.delete(number)
    pages.set(number, mapped) // the last used comes last
    const [oldest] = pages.keys()
    if (pages.size > MAX_PAGES && oldest !== undefined) pages.delete(oldest)
    try {
      return await mapped
    } catch (error) {
      pages.delete(number)
      throw error
    }
  }

  return {
    locate: async (index) => {
      if (!Number.isInteger(index) || index < 0 || index >= chunks)
        throw new MeshError('bad-bytes', `a list of ${chunks} chunks has no chunk ${index}`)
      const { page, offsets } = await pageOf(Math.floor(index / CHUNKS_PER_PAGE))
      const at = index % CHUNKS_PER_PAGE
      const length = page.lengths[at]
      if (length === undefined) throw new MeshError('bad-bytes', `a chunk list has no chunk ${index}`)
      return { offset: offsets[at] ?? 0, length, digest: page.digests.subarray(at * 32, at * 32 + 32) }
    },
  }
}
