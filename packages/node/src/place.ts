import { createHash, randomBytes } from 'node:crypto'
import { type Stats, constants, createReadStream } from 'node:fs'
import { chmod, copyFile, link, lstat, mkdir, open, realpath, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type BlobHandle, type FileEntry, MeshError, type Sha256, asRepoPath } from '@hubmesh/content'
import { hasErrno, makeFolder } from './files.ts'

export interface PlaceOptions {
  /** Absolute folder; made when it is not there. */
  readonly to: string
  /** Own copies, instead of reflinks or read-only hard links. */
  readonly copy: boolean
  readonly signal: AbortSignal
  /** Opens a complete blob of this node's store. */
  open(sha256: Sha256): Promise<BlobHandle | undefined>
}

export interface PlaceResult {
  /** Files that had other content before. */
  readonly replaced: number
}

/**
 * Puts files into a folder as `<to>/<path in the repo>`: by reflink, else as a read-only hard link, else as a copy. What
 * is there already is left alone; a file with other content is replaced as a whole. Links in the folder are not followed.
 * @throws MeshError `bad-input` when a folder or a link is in the way, `not-ready` when a blob is not here, `io`, `no-space`
 */
export const placeFiles = async (entries: readonly FileEntry[], options: PlaceOptions): Promise<PlaceResult> => {
  const root = await prepareRoot(options.to)
  let replaced = 0
  for (const entry of entries) {
    options.signal.throwIfAborted()
    if (await explaining(entry.path, () => placeFile(root, entry, options))) replaced++
  }
  return { replaced }
}

/** @returns true when it replaced other content */
const placeFile = async (root: string, entry: FileEntry, options: PlaceOptions): Promise<boolean> => {
  const target = join(root, ...asRepoPath(entry.path).split('/'))
  await makeParents(root, entry.path)
  const held = await statOf(target)
  if (held?.isDirectory() === true) throw inTheWay(target, 'a folder is')
  const draft = join(dirname(target), `.hubmesh-${randomBytes(6).toString('hex')}`)
  try {
    if (entry.size === 0) {
      if (held?.isFile() === true && held.size === 0) return false
      await (await open(draft, 'wx')).close()
    } else {
      const blob = await options.open(entry.sha256)
      if (blob === undefined) throw new MeshError('not-ready', `${entry.path} is not complete here`)
      try {
        if (held !== undefined && (await isSame(target, held, { entry, blob, copy: options.copy }))) return false
        await materialise(blob.path, draft, options.copy)
      } finally {
        await blob.close()
      }
    }
    await rename(draft, target)
    return held !== undefined
  } finally {
    await rm(draft, { force: true })
  }
}

/** The same bytes; and where own copies are wanted, not by being the store's own file. */
const isSame = async (
  target: string,
  held: Stats,
  { entry, blob, copy }: { entry: FileEntry; blob: BlobHandle; copy: boolean },
): Promise<boolean> => {
  if (!held.isFile() || held.size !== entry.size) return false
  const stored = await lstat(blob.path)
  if (stored.ino === held.ino && stored.dev === held.dev) return !copy
  const hash = createHash('sha256')
  await pipeline(createReadStream(target), hash)
  return hash.digest('hex') === entry.sha256
}

const materialise = async (source: string, draft: string, copy: boolean): Promise<void> => {
  if (await reflink(source, draft)) return
  if (!copy && (await hardLink(source, draft))) return
  await copyFile(source, draft, constants.COPYFILE_EXCL)
  await chmod(draft, 0o644)
}

const reflink = async (source: string, draft: string): Promise<boolean> => {
  try {
    await copyFile(source, draft, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
    await chmod(draft, 0o644)
    return true
  } catch (error) {
    if (!hasErrno(error, 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EINVAL', 'ENOTTY', 'EPERM')) throw error
    await rm(draft, { force: true }) // the failed attempt leaves an empty file
    return false
  }
}

const hardLink = async (source: string, draft: string): Promise<boolean> => {
  try {
    await link(source, draft)
    return true
  } catch (error) {
    if (!hasErrno(error, 'EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP')) throw error
    return false
  }
}

const prepareRoot = async (to: string): Promise<string> =>
  explaining(to, async () => {
    await makeFolder(to)
    return realpath(to)
  })

/** Folder by folder, so that a link planted in the folder leads nowhere. */
const makeParents = async (root: string, path: string): Promise<void> => {
  let folder = root
  for (const segment of path.split('/').slice(0, -1)) {
    folder = join(folder, segment)
    try {
      await mkdir(folder)
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error
      const stats = await lstat(folder)
      if (!stats.isDirectory()) throw inTheWay(folder, stats.isSymbolicLink() ? 'a link is' : 'a file is')
    }
  }
}

const statOf = async (path: string): Promise<Stats | undefined> => {
  try {
    return await lstat(path)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

const inTheWay = (path: string, what: string): MeshError =>
  new MeshError('bad-input', `${what} in the way at ${path}`, { hint: 'move it away, or pull into another folder' })

/** Errors of the disk, in our words. */
const explaining = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (cause) {
    if (hasErrno(cause, 'ENOSPC', 'EDQUOT'))
      throw new MeshError('no-space', `no space left to place ${path}`, { hint: 'free some, then pull again', cause })
    if (hasErrno(cause, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENAMETOOLONG', 'EIO', 'ENOENT')) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new MeshError('io', `cannot place ${path}: ${why}`, { hint: 'check the folder given with --to', cause })
    }
    throw cause
  }
}
