import type { Dirent, Stats } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { MAX_FILE_BYTES, MAX_MANIFEST_ENTRIES, MeshError, asRepoPath } from '@hubmesh/content'

export interface LocalFile {
  /** In the repo. */
  readonly path: string
  /** On this disk, links resolved. */
  readonly source: string
  readonly size: number
  readonly isExecutable: boolean
}

/** Git's own data, and what Hub clients leave behind in a folder that they download into. */
const LEFT_OUT = new Set(['.git', '.cache/huggingface'])

/**
 * The files of a folder, hidden ones too. A link to a file inside the folder counts as that file; whatever else is no plain file
 * is refused, not passed over, so that nothing goes missing unseen.
 * @throws MeshError `bad-input` for the folder or for a name, link or file in it, `io`
 */
export const walkFolder = async (folder: string, signal: AbortSignal): Promise<readonly LocalFile[]> => {
  const root = await openRoot(folder)
  const files: LocalFile[] = []
  const waiting = ['']
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    signal.throwIfAborted()
    for (const child of await listFolder(join(root, at))) {
      const path = at === '' ? child.name : `${at}/${child.name}`
      if (LEFT_OUT.has(path) || child.name === '.git') continue
      asRepoPath(path)
      if (child.isDirectory()) waiting.push(path)
      else files.push(await readFile(root, { path, child }))
      if (files.length + waiting.length > MAX_MANIFEST_ENTRIES)
        throw new MeshError('bad-input', `${folder} has over ${MAX_MANIFEST_ENTRIES} files`)
    }
  }
  if (files.length === 0) throw new MeshError('bad-input', `${folder} has no file to publish`)
  return files
}

const openRoot = async (folder: string): Promise<string> => {
  try {
    const root = await realpath(folder)
    if ((await stat(root)).isDirectory()) return root
  } catch (cause) {
    throw new MeshError('bad-input', `${folder} cannot be read: ${reasonOf(cause)}`, { cause })
  }
  throw new MeshError('bad-input', `${folder} is not a folder`)
}

const listFolder = async (path: string): Promise<Dirent[]> => {
  try {
    return await readdir(path, { withFileTypes: true })
  } catch (cause) {
    throw new MeshError('io', `${path} cannot be read: ${reasonOf(cause)}`, { cause })
  }
}

const readFile = async (root: string, { path, child }: { path: string; child: Dirent }): Promise<LocalFile> => {
  const { source, stats } = await followFile(root, path)
  if (child.isSymbolicLink() && !source.startsWith(root + sep)) {
    throw new MeshError('bad-input', `${path} is a link to a file outside of the folder`, {
      hint: 'copy the file there instead (cp -L follows links)',
    })
  }
  if (!stats.isFile()) throw new MeshError('bad-input', `${path} is not a plain file, nor a link to one`)
  if (stats.size > MAX_FILE_BYTES) throw new MeshError('bad-input', `${path} is over 16 TiB`)
  return { path, source, size: stats.size, isExecutable: (stats.mode & 0o100) !== 0 }
}

const followFile = async (root: string, path: string): Promise<{ source: string; stats: Stats }> => {
  try {
    const source = await realpath(join(root, path))
    return { source, stats: await stat(source) }
  } catch (cause) {
    throw new MeshError('bad-input', `${path} cannot be read: ${reasonOf(cause)}`, { cause })
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
