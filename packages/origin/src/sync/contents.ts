import {
  type BlockStore,
  type CatalogRepo,
  type Cid,
  type Sha256,
  decodeManifest,
  decodeManifestPage,
  isFile,
} from '@hubmesh/content'
import type { ListedFile } from '../hub/entries.ts'

/** What a manifest says of a file's bytes beside what the Hub says. */
export interface FileContent {
  readonly sha256: Sha256
  /** Absent for a blob of one chunk or none. */
  readonly list?: Cid | undefined
}

/** Files with the same key have the same bytes: by the Hub's sha256, or for a regular file by git's oid. */
export const contentKey = ({ oid, size, lfs }: ListedFile): string =>
  lfs === undefined ? `git:${oid}:${size}` : `lfs:${lfs.oid}:${size}`

/** The contents of all retained revisions, by key: what they name was proven when it was pulled. */
export const knownContents = async (
  blocks: BlockStore,
  repos: readonly (CatalogRepo | undefined)[],
): Promise<Map<string, FileContent>> => {
  const known = new Map<string, FileContent>()
  const manifests = new Set(repos.flatMap((repo) => Object.values(repo?.revisions ?? {})))
  const seenPages = new Set<Cid>()
  for (const manifest of manifests) {
    for (const page of await pagesOf(blocks, manifest)) {
      if (seenPages.has(page)) continue // revisions share the pages that did not change
      seenPages.add(page)
      const block = await blocks.get(page)
      if (block === undefined) continue // lost on this disk: its files count as unknown
      for (const entry of decodeManifestPage(block.bytes)) {
        if (isFile(entry)) known.set(contentKey(entry), { sha256: entry.sha256, list: entry.list })
      }
    }
  }
  return known
}

const pagesOf = async (blocks: BlockStore, manifest: Cid): Promise<readonly Cid[]> => {
  const root = await blocks.get(manifest)
  return root === undefined ? [] : decodeManifest(root.bytes).entries
}
