import { z } from 'zod'
import { type Cid, linkText } from './block.ts'
import { EMPTY_SHA256, type GitOid, type Sha256, isGitOid, isSha256 } from './digest.ts'
import { MeshError } from './errors.ts'
import { MAX_CHUNK_BYTES, MAX_FILE_BYTES } from './limits.ts'
import { isRepoPath } from './paths.ts'
import { isDate, isObject } from './schema.ts'

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

/**
 * Checks one decoded entry of a manifest page. By hand, not by a schema: a revision may have half a million.
 * @throws MeshError `bad-bytes`
 */
export const readEntry = (value: unknown): Entry => {
  if (!isObject(value) || typeof value.path !== 'string' || !isRepoPath(value.path)) throw invalid('a path')
  if (!isOidText(value.oid)) throw invalid(`the oid of ${value.path}`)
  if (value.lastCommit !== undefined && !isCommitInfo(value.lastCommit)) throw invalid(`a commit of ${value.path}`)
  if (!('size' in value)) return value as unknown as DirectoryEntry
  const file = value.list === undefined ? value : { ...value, list: readLink(value.list, value.path) }
  const fault = fileFault(file)
  if (fault !== undefined) throw invalid(`${fault} of ${value.path}`)
  return file as unknown as FileEntry
}

export const isCommitInfo = (value: unknown): value is CommitInfo =>
  isObject(value) &&
  isOidText(value.id) &&
  isText(value.title, 10_000) &&
  isDate(value.date) &&
  (value.message === undefined || isText(value.message, 100_000)) &&
  (value.authors === undefined || isAuthors(value.authors))

export const commitSchema = z.custom<CommitInfo>(isCommitInfo, 'not a commit')

/** What is wrong with a file beside its path and oid; undefined when nothing is. */
const fileFault = ({ size, sha256, list, lfs }: Record<string, unknown>): string | undefined => {
  if (!isSize(size)) return 'the size'
  if (typeof sha256 !== 'string' || !isSha256(sha256)) return 'the sha256'
  if ((size === 0) !== (sha256 === EMPTY_SHA256)) return 'the sha256 or the size'
  if (list === undefined ? size > MAX_CHUNK_BYTES : size === 0) return 'the chunk list'
  if (lfs === undefined) return undefined
  const agrees = isObject(lfs) && lfs.oid === sha256 && lfs.size === size && isSize(lfs.pointerSize)
  return agrees ? undefined : 'the LFS pointer'
}

const readLink = (value: unknown, path: string): Cid => {
  try {
    return linkText(value)
  } catch (cause) {
    throw invalid(`the chunk list of ${path}`, cause)
  }
}

const invalid = (what: string, cause?: unknown): MeshError =>
  new MeshError('bad-bytes', `not a valid manifest entry: ${what}`, { cause })

const isOidText = (value: unknown): boolean => typeof value === 'string' && isGitOid(value)
const isText = (value: unknown, most: number): boolean => typeof value === 'string' && value.length <= most
const isSize = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_FILE_BYTES
const isAuthors = (value: unknown): boolean =>
  Array.isArray(value) && value.length <= 100 && value.every((author) => isObject(author) && isText(author.user, 1000))
