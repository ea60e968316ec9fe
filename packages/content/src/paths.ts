import { MeshError } from './errors.ts'
import { MAX_PATH_BYTES } from './limits.ts'

/**
 * A path inside a repo: relative, `/` between segments, no empty, `.` or `..` segment, no backslash, no drive letter, no
 * control character, valid Unicode, at most 4 096 bytes. What passes here can be joined to a folder safely.
 */
export const isRepoPath = (path: string): boolean =>
  path.length > 0 &&
  Buffer.byteLength(path) <= MAX_PATH_BYTES &&
  path.isWellFormed() &&
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  !/[\u0000-\u001f\u007f\\]|^[A-Za-z]:/.test(path) &&
  path
    .split('/')
    .every((segment) => segment !== '' && segment !== '.' && segment !== '..' && Buffer.byteLength(segment) <= 255)

/** @throws MeshError `bad-input` */
export const asRepoPath = (path: string): string => {
  if (!isRepoPath(path))
    throw new MeshError('bad-input', `${JSON.stringify(path.slice(0, 200))} is not a path inside a repo`)
  return path
}

/** Git's order of names, byte by byte: the order of a manifest's entries. */
export const comparePaths = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
