import { createHash } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { type GitOid, type Sha256, asGitOid, asSha256 } from '@hubmesh/content'
import { pseudoRandom, pseudoRandomFloats } from '../fixtures/pseudo-random.ts'

/**
 * A file's content as tests give it: bytes, text, a file on disk that must not change, a run of `pseudoRandom` or
 * `pseudoRandomFloats`, or several of these one after another. Only the first two cost memory.
 */
export type FileContent =
  | Uint8Array
  | string
  | { readonly path: string }
  | { readonly parts: readonly FileContent[] }
  | GeneratedContent

export interface GeneratedContent {
  readonly seed: string | number
  readonly size: number
  /** Where in the seed's stream it begins. @default 0 */
  readonly offset?: number
  /** @default 'bytes' */
  readonly kind?: 'bytes' | 'floats'
}

/** Content of a known size that can be read from any place, as often as wanted. */
export interface Content {
  readonly size: number
  /** Bytes `start` to `end` (exclusive), in pieces of at most 256 KiB. */
  read(start: number, end: number): AsyncIterable<Uint8Array>
}

export interface ContentDigests {
  readonly sha256: Sha256
  /** Of the bytes themselves, as git hashes a blob. */
  readonly gitOid: GitOid
}

const PIECE_BYTES = 256 * 1024

export const openContent = async (content: FileContent): Promise<Content> => {
  if (typeof content === 'string') return bytesContent(Buffer.from(content))
  if (content instanceof Uint8Array) return bytesContent(content)
  if ('path' in content) return diskContent(content.path, (await stat(content.path)).size)
  if ('parts' in content) return joinedContent(await Promise.all(content.parts.map(openContent)))
  const { seed, size, offset = 0, kind } = content
  const generate = kind === 'floats' ? pseudoRandomFloats : pseudoRandom
  return pieced(size, (start, end) => generate(seed, end - start, offset + start))
}

/** Both names of the content in one pass. */
export const digestContent = async (content: Content): Promise<ContentDigests> => {
  const sha256 = createHash('sha256')
  const sha1 = createHash('sha1').update(`blob ${content.size}\0`)
  for await (const piece of content.read(0, content.size)) {
    sha256.update(piece)
    sha1.update(piece)
  }
  return { sha256: asSha256(sha256.digest('hex')), gitOid: asGitOid(sha1.digest('hex')) }
}

/** All of it in memory: for small files. */
export const readAll = async (content: Content): Promise<Uint8Array> =>
  Buffer.concat(await Array.fromAsync(content.read(0, content.size)))

const bytesContent = (bytes: Uint8Array): Content => pieced(bytes.length, (start, end) => bytes.subarray(start, end))

const diskContent = (path: string, size: number): Content => ({
  size,
  read: async function* (start, end) {
    const file = await open(path)
    try {
      for (const [from, to] of pieces(start, end)) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(to - from), 0, to - from, from)
        if (bytesRead < to - from) throw new Error(`${path} became shorter while it was served`)
        yield buffer
      }
    } finally {
      await file.close()
    }
  },
})

const joinedContent = (contents: readonly Content[]): Content => ({
  size: contents.reduce((sum, { size }) => sum + size, 0),
  read: async function* (start, end) {
    let begin = 0
    for (const content of contents) {
      const from = Math.max(start - begin, 0)
      const to = Math.min(end - begin, content.size)
      if (from < to) yield* content.read(from, to)
      begin += content.size
    }
  },
})

const pieced = (size: number, make: (start: number, end: number) => Uint8Array): Content => ({
  size,
  read: async function* (start, end) {
    for (const [from, to] of pieces(start, end)) yield make(from, to)
  },
})

function* pieces(start: number, end: number): Generator<[number, number]> {
  for (let from = start; from < end; from += PIECE_BYTES) yield [from, Math.min(from + PIECE_BYTES, end)]
}
