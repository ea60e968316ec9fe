import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { MeshError, isAbort, isMeshError } from '@hubmesh/content'

/** Writes all parts at `position`, one after the other, without joining them. */
export const writeAll = async (file: FileHandle, parts: readonly Uint8Array[], position: number): Promise<void> => {
  let left = parts.filter((part) => part.length > 0)
  let at = position
  while (left.length > 0) {
    const { bytesWritten } = await file.writev(left, at)
    at += bytesWritten
    left = withoutFirst(left, bytesWritten)
  }
}

/** Fills the buffer from `position`; fewer bytes only at the end of the file. */
export const readFully = async (file: FileHandle, buffer: Uint8Array, position: number): Promise<number> => {
  let filled = 0
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}

/** Makes names in a folder (created, renamed, removed) outlive a power cut. */
export const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Opens a file for reading; undefined when there is none. */
export const openIfThere = async (path: string): Promise<FileHandle | undefined> => {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Renames a file. False when there was none. */
export const moveIfThere = async (from: string, to: string): Promise<boolean> => {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Removes a file that may be gone already. */
export const removeFile = async (path: string): Promise<void> => {
  try {
    await unlink(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

/**
 * What a failed read or write means to those outside: `no-space` when the disk is full, `busy` when no more files may be open,
 * else `io`. All else is itself.
 */
export const diskError = (cause: unknown, what: string): unknown => {
  if (isMeshError(cause) || isAbort(cause) || errnoOf(cause) === undefined) return cause
  if (TOO_MANY.has(errnoOf(cause) ?? '')) return tooManyFiles(cause)
  const isFull = FULL.has(errnoOf(cause) ?? '') || /no space|quota/i.test(messageOf(cause))
  return isFull ? noSpace(cause) : new MeshError('io', `${what}: ${messageOf(cause)}`, { cause })
}

const FULL = new Set(['ENOSPC', 'EDQUOT'])
const TOO_MANY = new Set(['EMFILE', 'ENFILE'])

const tooManyFiles = (cause: unknown): MeshError =>
  new MeshError('busy', 'this node has as many files open as it may', {
    hint: 'raise `ulimit -n`, or ask again in a moment',
    retryAfter: 2,
    cause,
  })

export const noSpace = (cause?: unknown): MeshError =>
  new MeshError('no-space', 'no space is left for the store', {
    hint: 'free some space on the disk of the home; what is held is served on meanwhile',
    ...(cause === undefined ? {} : { cause }),
  })

/** Runs work on the disk; what it throws is told as `diskError` tells it. */
export const onDisk = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw diskError(error, what)
  }
}

const withoutFirst = (parts: readonly Uint8Array[], count: number): Uint8Array[] => {
  let skip = count
  const left: Uint8Array[] = []
  for (const part of parts) {
    if (skip < part.length) left.push(part.subarray(skip))
    skip = Math.max(0, skip - part.length)
  }
  return left
}

// The cause says more than what the index wraps around it.
const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
