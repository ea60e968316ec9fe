import { KIB, MIB, isRepoPath } from '@hubmesh/content'
import type { FileChanges } from '@hubmesh/testing'
import * as fc from 'fast-check'

const MAX_FILES = 16

/** What names are made of: each has broken some program that handles URLs, headers or paths. */
const PIECES = [
  ['a', 'B', 'model', '模型', '権重', '가중치', 'ünï', 'e\u0301', '🤗', '👩‍🚀', '\u{10ffff}', '\u00a0'],
  [' ', '  ', '%', '%20', '%2F', '%zz', '%00', '+', '&', '=', ';', ',', '!', '@', '$', '~', '^', '|', '`'],
  ['"', "'", '(', ')', '[', ']', '{', '}', '<', '>', '*', '#', '?', ':', '-', '_', '.', '..x', 'x..'],
].flat()
/** Names that mean something elsewhere: to the router, to JavaScript, to git. */
const WORDS = [
  ['resolve', 'raw', 'tree', 'refs', 'main', 'api', 'models', '-', 'SHA256SUMS', 'info', 'HEAD'],
  ['__proto__', 'constructor', '.gitattributes', 'config.json', 'model.safetensors', 'data.bin'],
].flat()

const pieces = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''))
const long = fc
  .tuple(fc.constantFrom('x', '名', '🤗', '%'), fc.integer({ min: 1, max: 255 }))
  .map(([letter, bytes]) => letter.repeat(Math.max(1, Math.floor(bytes / Buffer.byteLength(letter)))))
const segment = fc.oneof(
  { weight: 4, arbitrary: pieces },
  { weight: 2, arbitrary: fc.constantFrom(...WORDS) },
  { weight: 1, arbitrary: long },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }) },
)
const suffix = fc.constantFrom('', '', '.bin', '.safetensors', '.txt', '.json')
const path = fc
  .tuple(
    fc.oneof(
      { weight: 5, arbitrary: fc.array(segment, { minLength: 1, maxLength: 3 }) },
      { weight: 1, arbitrary: fc.array(segment, { minLength: 10, maxLength: 40 }) },
    ),
    suffix,
  )
  .map(([segments, suffix]) => segments.join('/') + suffix)
  .filter((path) => isRepoPath(path) && path !== '.git' && Buffer.byteLength(path) <= MAX_PATH_BYTES)

/** The Hub's client takes no header over 16 KiB, and a path stands in a redirect percent-encoded, twice. */
const MAX_PATH_BYTES = 2 * KIB

/** A chunk's least, usual and greatest size, and both sides of each. */
const EDGES = [64 * KIB, 256 * KIB, MIB].flatMap((edge) => [edge - 1, edge, edge + 1])
const size = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 2) },
  { weight: 3, arbitrary: fc.integer({ min: 3, max: 64 * KIB }) },
  { weight: 2, arbitrary: fc.constantFrom(...EDGES) },
  { weight: 1, arbitrary: fc.integer({ min: MIB, max: 4 * MIB }) },
)

/** Random trees: no name is both a file and a folder. */
export const trees: fc.Arbitrary<FileChanges> = fc
  .uniqueArray(fc.tuple(path, size), { minLength: 1, maxLength: MAX_FILES, selector: ([path]) => path })
  .map((files) => files.filter(([path]) => !files.some(([other]) => other.startsWith(`${path}/`))))
  .map((files) => Object.fromEntries(files.map(([path, size]) => [path, { seed: path, size }])))
