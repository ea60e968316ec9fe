import { z } from 'zod'
import { type Block, type Cid, decodeValue, encodeBlock, link } from './block.ts'
import type { GitOid, Sha256 } from './digest.ts'
import { MeshError } from './errors.ts'
import { ENTRIES_PER_PAGE, MAX_MANIFEST_ENTRIES } from './limits.ts'
import { asRepoPath, comparePaths, isRepoPath } from './paths.ts'
import type { RepoRef } from './repo.ts'
import { dateSchema, gitOidSchema, linkSchema, parseAs, repoSchema, sha256Schema, sizeSchema } from './schema.ts'

/** What git and the Hub say of the commit that last touched an entry, or of a revision itself. Dates end in `Z`. */
export interface CommitInfo {
  readonly id: GitOid
  readonly title: string
  readonly message?: string | undefined
  readonly date: string
  readonly authors?: readonly { readonly user: string }[] | undefined
}

export interface FileEntry {
  readonly path: string
  /** Bytes of the file itself, also for LFS files. */
  readonly size: number
  /** The Hub's git oid: of the content, or of the pointer for an LFS file. */
  readonly oid: GitOid
  readonly lfs?: { readonly oid: Sha256; readonly size: number; readonly pointerSize: number } | undefined
  readonly sha256: Sha256
  /** The blob's chunk list; absent when the blob is one chunk or empty. */
  readonly list?: Cid | undefined
  readonly lastCommit?: CommitInfo | undefined
}

export interface DirectoryEntry {
  readonly path: string
  readonly oid: GitOid
  readonly lastCommit?: CommitInfo | undefined
}

export type Entry = FileEntry | DirectoryEntry

export const isFile = (entry: Entry): entry is FileEntry => 'size' in entry

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
  /** Pages of 1 024 entries in path order. */
  readonly entries: readonly Cid[]
}

export interface ManifestDraft extends Omit<Manifest, 'v' | 'entries'> {
  readonly entries: readonly Entry[]
}

const commitSchema = z.looseObject({
  id: gitOidSchema,
  title: z.string().max(10_000),
  message: z.string().max(100_000).optional(),
  date: dateSchema,
  authors: z
    .array(z.looseObject({ user: z.string().max(1000) }))
    .max(100)
    .optional(),
})

const pathSchema = z.string().refine(isRepoPath, 'not a path inside a repo')

const fileSchema = z.looseObject({
  path: pathSchema,
  size: sizeSchema,
  oid: gitOidSchema,
  lfs: z.looseObject({ oid: sha256Schema, size: sizeSchema, pointerSize: sizeSchema }).optional(),
  sha256: sha256Schema,
  list: linkSchema.optional(),
  lastCommit: commitSchema.optional(),
})

const directorySchema = z.looseObject({
  path: pathSchema,
  size: z.undefined().optional(),
  oid: gitOidSchema,
  lastCommit: commitSchema.optional(),
})

const pageSchema = z.looseObject({
  v: z.literal(1),
  entries: z
    .array(z.union([fileSchema, directorySchema]))
    .min(1)
    .max(ENTRIES_PER_PAGE),
})

const manifestSchema = z.looseObject({
  v: z.literal(1),
  repo: repoSchema,
  revision: gitOidSchema,
  parent: gitOidSchema.optional(),
  createdAt: dateSchema,
  upstream: z.string().max(2048),
  info: z.record(z.string(), z.unknown()),
  commit: commitSchema,
  entries: z.array(linkSchema).max(Math.ceil(MAX_MANIFEST_ENTRIES / ENTRIES_PER_PAGE)),
})

/**
 * Builds the blocks of a manifest; entries are sorted here.
 * @throws MeshError `bad-input` for a bad or doubled path, or an LFS file whose sha256 is not its oid
 */
export const encodeManifest = (draft: ManifestDraft): { root: Block; pages: Block[] } => {
  const entries = draft.entries.toSorted((a, b) => comparePaths(a.path, b.path))
  for (const [index, entry] of entries.entries()) {
    asRepoPath(entry.path)
    if (entries[index - 1]?.path === entry.path)
      throw new MeshError('bad-input', `${entry.path} stands twice in one revision`)
    if (isFile(entry) && entry.lfs !== undefined && entry.lfs.oid !== entry.sha256) {
      throw new MeshError('bad-input', `${entry.path}: its sha256 is not its LFS oid`)
    }
  }
  const pages: Block[] = []
  for (let at = 0; at < entries.length; at += ENTRIES_PER_PAGE) {
    pages.push(encodeBlock({ v: 1, entries: entries.slice(at, at + ENTRIES_PER_PAGE).map(plainEntry) }))
  }
  const { entries: _, ...head } = draft
  return {
    root: encodeBlock({
      v: 1,
      ...defined(head),
      commit: defined(draft.commit),
      entries: pages.map((page) => link(page.cid)),
    }),
    pages,
  }
}

/** @throws MeshError `bad-bytes` */
export const decodeManifest = (bytes: Uint8Array): Manifest => parseAs('manifest', manifestSchema, decodeValue(bytes))

/** Entries of one page, in path order. @throws MeshError `bad-bytes` also when they are not in order */
export const decodeManifestPage = (bytes: Uint8Array): readonly Entry[] => {
  const { entries } = parseAs('manifest page', pageSchema, decodeValue(bytes))
  for (let index = 1; index < entries.length; index += 1) {
    if (comparePaths(entries[index - 1]!.path, entries[index]!.path) >= 0) {
      throw new MeshError('bad-bytes', 'not a valid manifest page: paths out of order')
    }
  }
  return entries as Entry[]
}

/**
 * The files of a manifest that are one chunk each, in path order: their index is their place in the manifest's own chunk
 * set. A blob that stands under several paths has the place of the first.
 */
export const singleChunkFiles = (entries: Iterable<Entry>): FileEntry[] => {
  const seen = new Set<Sha256>()
  const singles: FileEntry[] = []
  for (const entry of entries) {
    if (!isFile(entry) || entry.list !== undefined || entry.size === 0 || seen.has(entry.sha256)) continue
    seen.add(entry.sha256)
    singles.push(entry)
  }
  return singles
}

const plainEntry = (entry: Entry): unknown => ({
  ...defined(entry),
  ...(isFile(entry) && entry.list !== undefined ? { list: link(entry.list) } : {}),
  ...(entry.lastCommit === undefined ? {} : { lastCommit: defined(entry.lastCommit) }),
})

// DAG-CBOR has no undefined: absent is absent.
const defined = <T extends object>(value: T): Partial<T> =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Partial<T>
