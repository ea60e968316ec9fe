import {
  type BlockStore,
  type ChunkList,
  type ChunkPage,
  type Cid,
  MeshError,
  decodeChunkList,
  decodeChunkPage,
  isMeshError,
} from '@hubmesh/content'

/** The root of a chunk list; undefined when this disk has no such block, or it is a block of another kind. */
export const loadList = async (blocks: BlockStore, cid: Cid): Promise<ChunkList | undefined> => {
  const block = await blocks.get(cid)
  if (block === undefined) return undefined
  try {
    return decodeChunkList(block.bytes)
  } catch (error) {
    if (isMeshError(error, 'bad-bytes')) return undefined
    throw error
  }
}

/** @throws MeshError `not-ready` when this disk does not have the page */
export const loadPage = async (blocks: BlockStore, list: ChunkList, index: number): Promise<ChunkPage> => {
  const cid = list.pages[index]?.cid
  const block = cid && (await blocks.get(cid))
  if (block === undefined) throw new MeshError('not-ready', `page ${index} of a chunk list is not here`)
  return decodeChunkPage(list, index, block.bytes)
}
