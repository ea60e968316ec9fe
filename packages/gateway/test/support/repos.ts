import { createHash } from 'node:crypto'
import {
  type CommitInfo,
  type Entry,
  type FileEntry,
  type GitOid,
  type Manifest,
  type RepoRef,
  type Sha256,
  comparePaths,
  gitBlobOid,
  nameBytes,
} from '@hubmesh/content'

/** Content of a test file: bytes, or a long run of a pattern that is never held in memory. */
export interface Content {
  readonly size: number
  readonly sha256: Sha256
  readonly oid: GitOid
  fill(offset: number, buffer: Uint8Array): void
}

export interface TestCommit {
  readonly revision: GitOid
  readonly manifest: Manifest
  readonly entries: readonly Entry[]
  readonly contents: ReadonlyMap<string, Content>
}

export interface CommitPlan {
  /** Path -> content; paths that end in `.bin` or `.safetensors` are LFS files. */
  readonly files: Readonly<Record<string, string | Buffer | Content>>
  readonly info?: Record<string, unknown>
  readonly title?: string
}

const contentOf = (bytes: string | Buffer): Content => {
  const buffer = Buffer.from(bytes)
  return {
    size: buffer.length,
    sha256: nameBytes(buffer).sha256,
    oid: gitBlobOid(buffer),
    fill: (offset, target) => target.set(buffer.subarray(offset, offset + target.length)),
  }
}

/** A file of any size whose byte at offset n is a function of n; its names are made up. */
export const patternContent = (size: number): Content => ({
  size,
  sha256: createHash('sha256').update(`pattern ${size}`).digest('hex') as Sha256,
  oid: sha1(`pattern ${size}`),
  fill: (offset, target) => {
    const view = Buffer.from(target.buffer, target.byteOffset, target.byteLength)
    const shift = offset % PATTERN_BYTES
    for (let at = 0; at < target.length;) {
      const from = at === 0 ? shift : 0
      at += PATTERN.copy(view, at, from)
    }
  },
})

export const bytesOf = (content: Content, start = 0, end = content.size): Buffer => {
  const bytes = Buffer.alloc(end - start)
  content.fill(start, bytes)
  return bytes
}

export const commitOf = (repo: RepoRef, { files, info = {}, title = 'a commit' }: CommitPlan): TestCommit => {
  const contents = new Map(
    Object.entries(files).map(([path, content]) => [path, isContent(content) ? content : contentOf(content)]),
  )
  const revision = sha1(`${repo.id} ${title} ${[...contents].map(([path, { oid }]) => path + oid).join()}`)
  const commit: CommitInfo = {
    id: revision,
    title,
    message: 'why',
    date: '2026-01-05T08:00:00.000Z',
    authors: [{ user: 'ada' }],
  }
  const manifest: Manifest = {
    v: 1,
    repo,
    revision,
    createdAt: '2026-01-01T00:00:00Z',
    upstream: 'publish',
    info,
    commit,
    entries: [],
  }
  return { revision, manifest, entries: entriesOf(contents), contents }
}

const entriesOf = (contents: ReadonlyMap<string, Content>): Entry[] => {
  const folders = new Set([...contents.keys()].flatMap((path) => parentsOf(path)))
  return [
    ...[...folders].map((path) => ({ path, oid: sha1(`tree ${path}`) })),
    ...[...contents].map(([path, content]) => fileEntry(path, content)),
  ].toSorted((a, b) => comparePaths(a.path, b.path))
}

const fileEntry = (path: string, { size, sha256, oid }: Content): FileEntry => {
  if (!/\.(?:bin|safetensors)$/.test(path)) return { path, size, oid, sha256 }
  const pointer = Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${size}\n`)
  return { path, size, oid: gitBlobOid(pointer), sha256, lfs: { oid: sha256, size, pointerSize: pointer.length } }
}

const parentsOf = (path: string): string[] => {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}

const isContent = (value: string | Buffer | Content): value is Content =>
  typeof value !== 'string' && !Buffer.isBuffer(value)

const sha1 = (text: string): GitOid => createHash('sha1').update(text).digest('hex') as GitOid

// A prime length: no power of two divides it, so a swapped or repeated buffer shows.
const PATTERN_BYTES = 1_000_003
const PATTERN = Buffer.alloc(PATTERN_BYTES)
for (let at = 0, state = 1; at < PATTERN_BYTES; at += 1) {
  state = (state * 48_271) % 2_147_483_647
  PATTERN[at] = state & 0xff
}
