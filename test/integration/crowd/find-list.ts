import {
  type Chunk,
  type Cid,
  asRepo,
  chunkOfPage,
  decodeCatalogRoot,
  decodeChunkList,
  decodeChunkPage,
  decodeManifest,
  decodeManifestEntries,
  decodeShard,
  isFile,
  repoKey,
  shardOf,
} from '@hubmesh/content'
import { acceptHead, createPolicy } from '@hubmesh/trust'

export interface FoundList {
  readonly set: Cid
  readonly chunks: readonly Chunk[]
}

/** Follows a publisher's head down to the chunks of the first large file of a model: by the same blocks as every member. */
export const findList = async (
  { head: envelope, publisher, repo: id }: { head: Uint8Array; publisher: string; repo: string },
  block: (cid: Cid) => Promise<Uint8Array>,
): Promise<FoundList> => {
  const policy = createPolicy([{ publishers: [publisher], threshold: 1, repos: ['**'] }])
  const { head } = await acceptHead(envelope, { policy })
  const repo = asRepo('model', id)
  const index = shardOf(repo)
  const shard = given(decodeCatalogRoot(await block(head.root)).shards[index])
  const { refs } = given(decodeShard(index, await block(shard)).find((one) => repoKey(one.repo) === repoKey(repo)))
  const manifest = decodeManifest(await block(given(refs['main']).manifest))
  const entries = decodeManifestEntries(await Promise.all(manifest.entries.map(block)))
  const set = given(entries.find((entry) => isFile(entry) && entry.list !== undefined && entry.list))
  const cid = given(isFile(set) ? set.list : undefined)
  const list = decodeChunkList(await block(cid))
  const pages = await Promise.all(
    list.pages.map(async (page, number) => decodeChunkPage(list, number, await block(page.cid))),
  )
  return {
    set: cid,
    chunks: pages.flatMap((page) => Array.from(page.lengths, (_, at) => chunkOfPage(page, at))),
  }
}

const given = <T>(value: T | undefined | false): T => {
  if (value === undefined || value === false) throw new Error('the repo is not offered, or has no large file')
  return value
}
