import { z } from 'zod'
import { type Block, type Cid, decodeValue, defined, encodeBlock, encodeValue, link } from './block.ts'
import type { GitOid } from './digest.ts'
import { type CommitInfo, type Entry, commitSchema, isFile, readEntry } from './entry.ts'
import { MeshError } from './errors.ts'
import { ENTRIES_PER_PAGE, MAX_BLOCK_BYTES, MAX_MANIFEST_ENTRIES, MAX_MANIFEST_PAGES } from './limits.ts'
import { comparePaths } from './paths.ts'
import type { RepoRef } from './repo.ts'
import { dateSchema, gitOidSchema, jsonSchema, linkSchema, parseAs, repoSchema, requireDecodable } from './schema.ts'

/** One repo at one commit, as its publisher signed it. */
export interface Manifest {
  readonly v: 1
  readonly repo: RepoRef
  readonly revision: GitOid
  readonly parent?: GitOid | undefined
  readonly createdAt: string
  /** The endpoint it came from, or `publish` for content of one's own. */
  readonly upstream: string
  /** The Hub's own answer for the revision (card data, tags, gated flag …) without `siblings`, which the entries give. */
  readonly info: Readonly<Record<string, unknown>>
  readonly commit: CommitInfo
  /** Pages of up to 1 024 entries, in path order. */
  readonly entries: readonly Cid[]
}

export interface ManifestDraft extends Omit<Manifest, 'v' | 'entries'> {
  readonly entries: readonly Entry[]
}

const pageSchema = z.looseObject({
  v: z.literal(1),
  entries: z.array(z.unknown()).min(1).max(ENTRIES_PER_PAGE),
})

const manifestSchema = z.looseObject({
  v: z.literal(1),
  repo: repoSchema,
  revision: gitOidSchema,
  parent: gitOidSchema.optional(),
  createdAt: dateSchema,
  upstream: z.string().max(2048),
  info: z.record(z.string(), jsonSchema),
  commit: commitSchema,
  entries: z.array(linkSchema).max(MAX_MANIFEST_PAGES),
})

/**
 * Builds the blocks of a manifest; entries are sorted here.
 * @throws MeshError `bad-input` for anything that the decoders would refuse: a bad or doubled path, an LFS file whose sha256 is
 *   not its oid, a file over 1 MiB without a chunk list, over 1 MiB of `info` …
 */
export const encodeManifest = (draft: ManifestDraft): { root: Block; pages: Block[] } => {
  const { entries, ...head } = draft
  const pages = encodePages(entries.toSorted((a, b) => comparePaths(a.path, b.path)))
  const root = encodeBlock({
    v: 1,
    ...defined(head),
    commit: defined(draft.commit),
    entries: pages.map((page) => link(page.cid)),
  })
  requireDecodable(() => {
    decodeManifest(root.bytes)
    decodeManifestEntries(pages.map((page) => page.bytes))
  })
  return { root, pages }
}

/** @throws MeshError `bad-bytes` */
export const decodeManifest = (bytes: Uint8Array): Manifest => parseAs('manifest', manifestSchema, decodeValue(bytes))

/** Entries of one page, in path order. @throws MeshError `bad-bytes` also when they are not in order */
export const decodeManifestPage = (bytes: Uint8Array): readonly Entry[] => {
  const entries = parseAs('manifest page', pageSchema, decodeValue(bytes)).entries.map(readEntry)
  requireOrder(entries)
  return entries
}

/**
 * All entries of a manifest, from all of its pages in order.
 * @throws MeshError `bad-bytes` also when a path stands twice or out of order across pages, or for over 500 000
 */
export const decodeManifestEntries = (pages: readonly Uint8Array[]): readonly Entry[] => {
  const entries = pages.flatMap(decodeManifestPage)
  if (entries.length > MAX_MANIFEST_ENTRIES)
    throw new MeshError('bad-bytes', `not a valid manifest: over ${MAX_MANIFEST_ENTRIES} entries`)
  requireOrder(entries)
  return entries
}

/**
 * Pages of 1 024 entries; those that would be over 1 MiB so (long paths, long commit messages) are halved until they are not.
 */
const encodePages = (entries: readonly Entry[]): Block[] => {
  const pages: Block[] = []
  for (let at = 0; at < entries.length; at += ENTRIES_PER_PAGE) {
    pages.push(...encodePage(entries.slice(at, at + ENTRIES_PER_PAGE).map(plainEntry)))
  }
  return pages
}

const encodePage = (entries: readonly unknown[]): Block[] => {
  const page = { v: 1, entries }
  if (entries.length === 1 || encodeValue(page).length <= MAX_BLOCK_BYTES) return [encodeBlock(page)]
  const half = Math.ceil(entries.length / 2)
  return [...encodePage(entries.slice(0, half)), ...encodePage(entries.slice(half))]
}

const requireOrder = (entries: readonly Entry[]): void => {
  for (const [index, entry] of entries.entries()) {
    const before = entries[index - 1]
    if (before !== undefined && comparePaths(before.path, entry.path) >= 0)
      throw new MeshError('bad-bytes', `not a valid manifest page: ${entry.path} stands twice or out of order`)
  }
}

const plainEntry = (entry: Entry): unknown => ({
  ...defined(entry),
  ...(isFile(entry) && entry.list !== undefined ? { list: link(entry.list) } : {}),
  ...(entry.lastCommit === undefined ? {} : { lastCommit: defined(entry.lastCommit) }),
})
