import {
  type DirectoryEntry,
  type FileEntry,
  MeshError,
  isGitOid,
  isRepoPath,
  isSha256,
  sizeSchema,
} from '@hubmesh/content'
import type { ListFileEntry } from '@huggingface/hub'
import { z } from 'zod'

/** A file as the Hub lists it: all but its chunk list, and for a regular file its sha256. */
export type ListedFile = Omit<FileEntry, 'sha256' | 'list' | 'lastCommit'>
export type ListedEntry = ListedFile | DirectoryEntry

export const isListedFile = (entry: ListedEntry): entry is ListedFile => 'size' in entry

const fileSchema = z.object({
  path: z.string(),
  size: sizeSchema,
  oid: z.string().refine(isGitOid),
  lfs: z.object({ oid: z.string().refine(isSha256), size: sizeSchema, pointerSize: sizeSchema }).optional(),
})
const directorySchema = z.object({ path: z.string(), oid: z.string().refine(isGitOid) })

/**
 * One entry of a tree listing. Nothing is passed over: a listing with one bad entry is not to be trusted.
 * @throws MeshError `bad-bytes`
 */
export const readListedEntry = (entry: ListFileEntry): ListedEntry => {
  const path = JSON.stringify(entry.path).slice(0, 200)
  if (!isRepoPath(entry.path)) throw new MeshError('bad-bytes', `upstream lists a path that is not safe: ${path}`)
  const schema = entry.type === 'file' ? fileSchema : entry.type === 'directory' ? directorySchema : z.never()
  const parsed = schema.safeParse(entry)
  if (!parsed.success) throw new MeshError('bad-bytes', `upstream's entry for ${path} is not valid`)
  const listed = parsed.data as ListedEntry
  if (isListedFile(listed) && listed.lfs !== undefined && listed.lfs.size !== listed.size)
    throw new MeshError('bad-bytes', `upstream gives two sizes for ${path}`)
  return listed
}

/** No path twice, none below a file: what can stand in one folder on a disk. @throws MeshError `bad-bytes` */
export const requireTree = (entries: readonly ListedEntry[]): readonly ListedEntry[] => {
  const paths = new Set(entries.map(({ path }) => path))
  if (paths.size < entries.length) throw new MeshError('bad-bytes', 'upstream lists a path twice')
  const files = new Set(entries.filter(isListedFile).map(({ path }) => path))
  for (const { path } of entries) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      if (files.has(path.slice(0, at)))
        throw new MeshError('bad-bytes', `upstream lists ${JSON.stringify(path.slice(0, at))} as a file and a folder`)
    }
  }
  return entries
}
