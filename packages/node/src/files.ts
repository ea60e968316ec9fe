import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Configuration, keys and run files are small: more than this is some other file. */
const MAX_SMALL_FILE_BYTES = 1024 * 1024

/** Replaces a file as a whole, or not at all: written beside it, synced, then renamed over it. */
export const replaceFile = async (path: string, text: string, mode: number): Promise<void> => {
  const draft = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    const file = await open(draft, 'wx', mode)
    await using _ = file
    await file.writeFile(text)
    await file.sync()
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
  await using folder = await open(dirname(path), 'r')
  await folder.sync()
}

/** The text of a small file; undefined where there is none. @throws Error as `open` does, and for one over 1 MiB */
export const readSmallFile = async (path: string): Promise<string | undefined> => {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK) // not to wait for a writer, were it a pipe
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
  await using _ = file
  const stats = await file.stat()
  if (!stats.isFile()) throw new Error(`${path} is not a file`)
  if (stats.size > MAX_SMALL_FILE_BYTES) throw new Error(`${path} is larger than 1 MiB`)
  return file.readFile('utf8')
}

/**
 * Makes a folder and those above it. Node's own `recursive` never returns where the file system says ENOENT for a folder
 * whose parent is there, as /proc does.
 * @throws Error as `mkdir` does, ENOTDIR or EEXIST where there is something else in its place
 */
export const makeFolder = async (path: string, mode = 0o777): Promise<void> => {
  if (await tryMakeFolder(path, mode)) return
  const parent = dirname(path)
  if (parent !== path) await makeFolder(parent, mode)
  await mkdir(path, { mode })
}

/** @returns false when the folder above is missing */
const tryMakeFolder = async (path: string, mode: number): Promise<boolean> => {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false
    if (!hasErrno(error, 'EEXIST') || !(await stat(path)).isDirectory()) throw error
  }
  return true
}

/** True for an error of the operating system with one of the codes. */
export const hasErrno = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code))
