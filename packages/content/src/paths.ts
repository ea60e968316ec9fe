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

/**
 * Paths that a file system which ignores case (macOS, Windows) cannot hold side by side: worth a warning, not a refusal.
 * @returns groups of two or more
 */
export const clashingPaths = (paths: Iterable<string>): string[][] => {
  const groups = Map.groupBy(new Set(paths), (path) => path.normalize('NFC').toLowerCase())
  return [...groups.values()].filter((group) => group.length > 1)
}

/** @throws MeshError `bad-input` */
export const asRepoPath = (path: string): string => {
  if (!isRepoPath(path))
    throw new MeshError('bad-input', `${JSON.stringify(path.slice(0, 200))} is not a path inside a repo`)
  return path
}

/** Git's order of names, by their UTF-8 bytes: the order of a manifest's entries. */
export const comparePaths = (a: string, b: string): number => {
  let at = 0
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1
  if (at === a.length || at === b.length) return a.length - b.length
  return utf8Rank(a.charCodeAt(at)) - utf8Rank(b.charCodeAt(at))
}

// UTF-16 has surrogates (for all from U+10000 on) below U+E000 to U+FFFF, UTF-8 has them above.
const utf8Rank = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit)
