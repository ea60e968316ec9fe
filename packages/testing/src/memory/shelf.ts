import {
  Bitmap,
  CHUNKS_PER_PAGE,
  type BlockStore,
  type ChunkShelf,
  type Cid,
  type PartialBlob,
  type Sha256,
  type VerifiedBytes,
  chunkOfPage,
  decodeChunkList,
  decodeChunkPage,
  decodeManifest,
  decodeManifestPage,
  joinParts,
  singleChunkFiles,
} from '@hubmesh/content'

import { type MemoryState, listen } from './state.ts'

/** The chunks of a complete list, or the singles of a manifest. */
interface ChunkSet {
  readonly isList: boolean
  readonly digests: readonly Sha256[]
}

export const createMemoryShelf = (components: {
  state: MemoryState
  blocks: BlockStore
  partials: ReadonlyMap<Cid, PartialBlob>
}): ChunkShelf => {
  const { state, blocks, partials } = components
  const opened = new Map<Cid, ChunkSet>()
  state.blobListeners.add((sha256) => {
    for (const [set, { isList, digests }] of opened) {
      const index = isList ? -1 : digests.indexOf(sha256)
      if (index >= 0) for (const listener of state.haveListeners) listener(set, index)
    }
  })

  const openSet = async (set: Cid): Promise<ChunkSet | undefined> => {
    const isList = state.lists.has(set)
    const digests = isList ? await listDigests(blocks, set) : await singleDigests(blocks, set)
    const found = opened.get(set) ?? (digests && { isList, digests })
    if (found !== undefined) opened.set(set, found)
    return found
  }

  const have = async (set: Cid): Promise<Bitmap | undefined> => {
    const partial = partials.get(set)
    if (partial !== undefined) return new Bitmap(partial.have.length, partial.have.bytes.slice())
    const found = await openSet(set)
    if (found === undefined) return undefined
    const here = new Bitmap(found.digests.length)
    for (const [index, digest] of found.digests.entries()) if (found.isList || state.blobs.has(digest)) here.set(index)
    return here
  }

  const chunkOf = async (set: Cid, index: number): Promise<VerifiedBytes | undefined> => {
    const partial = partials.get(set)
    if (partial !== undefined) return partial.readChunk(index)
    const found = await openSet(set)
    const digest = found?.digests[index]
    if (found === undefined || digest === undefined) return undefined
    return found.isList || state.blobs.has(digest) ? state.chunks.get(digest) : undefined
  }

  const read = async (set: Cid, index: number, buffer: Uint8Array): Promise<Uint8Array | undefined> => {
    const chunk = await chunkOf(set, index)
    if (chunk === undefined) return undefined
    buffer.set(joinParts(chunk))
    return buffer.subarray(0, chunk.length)
  }

  return { have, read, onHave: (listener) => listen(state.haveListeners, listener) }
}

const listDigests = async (blocks: BlockStore, cid: Cid): Promise<Sha256[] | undefined> => {
  const root = await blocks.get(cid)
  if (root === undefined) return undefined
  const list = decodeChunkList(root.bytes)
  const digests: Sha256[] = []
  for (const [number, { cid: pageCid }] of list.pages.entries()) {
    const block = await blocks.get(pageCid)
    if (block === undefined) return undefined
    const page = decodeChunkPage(list, number, block.bytes)
    for (let index = 0; index < Math.min(page.lengths.length, CHUNKS_PER_PAGE); index += 1)
      digests.push(chunkOfPage(page, index).sha256)
  }
  return digests
}

/** The files of one chunk of a manifest whose blocks are all here. */
const singleDigests = async (blocks: BlockStore, cid: Cid): Promise<Sha256[] | undefined> => {
  const root = await blocks.get(cid)
  if (root === undefined || !isManifest(root.bytes)) return undefined
  const pages = await Promise.all(decodeManifest(root.bytes).entries.map((page) => blocks.get(page)))
  const found = pages.filter((page) => page !== undefined)
  if (found.length < pages.length) return undefined
  return singleChunkFiles(found.flatMap((page) => [...decodeManifestPage(page.bytes)])).map((file) => file.sha256)
}

/** Any block may be asked for as a set: only a manifest's root is one. */
const isManifest = (bytes: Uint8Array): boolean => {
  try {
    decodeManifest(bytes)
    return true
  } catch {
    return false // a block of another kind
  }
}
