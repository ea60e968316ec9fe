import {
  type Block,
  type CatalogRepo,
  type CatalogRoot,
  type Chunk,
  type CommitInfo,
  type Entry,
  EMPTY_SHA256,
  asGitOid,
  blockCid,
  chunkCid,
  createBlobPass,
  encodeBlock,
  encodeCatalogRoot,
  encodeChunkList,
  encodeHistory,
  encodeManifest,
  encodeShard,
  headValue,
  sha256Of,
} from '../src/index.ts'
import { sampleBytes } from './samples.ts'

/** What the vectors in `vectors/` are made of. Inputs stand here, what comes out stands in the files. */

/** A piece of a blob: literal text, zeros, a little-endian u64, or AES-256-CTR over zeros (key sha256(seed), counter block 0). */
type Piece =
  | { readonly text: string }
  | { readonly zeros: number }
  | { readonly u64: number }
  | { readonly seed: string; readonly size: number }

export interface BlobCase {
  readonly name: string
  readonly pieces: readonly Piece[]
}

export interface BlobVector extends BlobCase {
  readonly size: number
  readonly sha256: string
  readonly gitOid: string
  readonly chunks: readonly Chunk[]
}

export interface BlockVector {
  readonly name: string
  readonly cid: string
  readonly hex: string
}

const KIB = 1024
const MIB = 1024 * KIB
const HEADER =
  '{"__metadata__":{"format":"pt"},"a":{"dtype":"U8","shape":[1000],"data_offsets":[0,1000]},"b":{"dtype":"U8","shape":[2,262144],"data_offsets":[1000,525288]},"c":{"dtype":"U8","shape":[500000],"data_offsets":[ 525288 , 1025288 ]},"outside":{"data_offsets":[525288,9000000]},"overlapping":{"data_offsets":[2000,525288]}}'

export const BLOBS: readonly BlobCase[] = [
  { name: 'empty', pieces: [] },
  { name: 'one byte', pieces: [{ text: 'a' }] },
  { name: 'the smallest chunk less one', pieces: [{ seed: 'vector', size: 64 * KIB - 1 }] },
  { name: 'the smallest chunk', pieces: [{ seed: 'vector', size: 64 * KIB }] },
  { name: 'the largest chunk less one, of zeros', pieces: [{ zeros: MIB - 1 }] },
  { name: 'the largest chunk and one byte, of zeros', pieces: [{ zeros: MIB + 1 }] },
  { name: 'content alone', pieces: [{ seed: 'vector', size: 3 * MIB }] },
  { name: 'content moved by one byte', pieces: [{ text: 'a' }, { seed: 'vector', size: 3 * MIB }] },
  {
    name: 'zeros between content',
    pieces: [{ seed: 'vector', size: MIB }, { zeros: 2 * MIB }, { seed: 'x', size: MIB }],
  },
  {
    name: 'safetensors',
    pieces: [{ u64: HEADER.length }, { text: HEADER }, { seed: 'tensors', size: 1_025_288 }],
  },
  {
    name: 'safetensors without a large tensor',
    pieces: [{ u64: 36 }, { text: '{"a":{"data_offsets":[0,262143]}}   ' }, { seed: 'tensors', size: 600_000 }],
  },
]

const bytesOf = (pieces: readonly Piece[]): Uint8Array =>
  new Uint8Array(
    Buffer.concat(
      pieces.map((piece) => {
        if ('text' in piece) return Buffer.from(piece.text)
        if ('zeros' in piece) return Buffer.alloc(piece.zeros)
        if ('seed' in piece) return sampleBytes(piece.size, piece.seed)
        const length = Buffer.alloc(8)
        length.writeBigUInt64LE(BigInt(piece.u64))
        return length
      }),
    ),
  )

export const blobVector = ({ name, pieces }: BlobCase): BlobVector => {
  const bytes = bytesOf(pieces)
  const pass = createBlobPass({ size: bytes.length, gitOid: true })
  pass.push(bytes)
  const { sha256, gitOid = '', chunks } = pass.finish()
  return { name, pieces, size: bytes.length, sha256, gitOid, chunks }
}

const digest = (text: string) => sha256Of(Buffer.from(text))
const oid = (digit: string) => asGitOid(digit.repeat(40))
const DATE = '2026-01-31T12:00:00.000Z'
const COMMIT: CommitInfo = {
  id: oid('a'),
  title: 'Ünïcode 🤗',
  message: 'more',
  date: DATE,
  authors: [{ user: 'ada' }],
}

const CHUNKS: readonly Chunk[] = [
  { sha256: digest('one'), length: 300_000 },
  { sha256: digest('two'), length: 65_536 },
  { sha256: digest('three'), length: 1 },
]
const MANY = Array.from({ length: 1025 }, (_, index) => ({ sha256: digest(String(index)), length: 100 + index }))

const ENTRIES: readonly Entry[] = [
  {
    path: 'weights.safetensors',
    size: 365_537,
    oid: oid('1'),
    lfs: lfsOf('w', 365_537),
    sha256: digest('w'),
    list: list(),
  },
  { path: 'empty', size: 0, oid: oid('2'), sha256: EMPTY_SHA256 },
  { path: 'données/模型.json', size: 12, oid: oid('3'), sha256: digest('j'), lastCommit: COMMIT },
  { path: 'données', oid: oid('4') },
]

const REPO: CatalogRepo = {
  repo: { type: 'model', id: 'acme/voice' },
  refs: {
    main: { revision: oid('a'), manifest: blockCid(digest('m')), since: DATE },
    'refs/tags/v1': { revision: oid('a'), manifest: blockCid(digest('m')), since: DATE },
  },
  revisions: { [oid('a')]: blockCid(digest('m')) },
  history: { main: blockCid(digest('h')) },
  defaultBranch: 'main',
}

const HEAD = {
  v: 1,
  publisher: '12D3KooWGqrtXxzK89Eaqkj2CwcoC9e1FVBpS256uWW2xq5JSZ4x',
  audience: 'mesh',
  sequence: 1_790_000_000_000,
  issued: DATE,
  expires: '2026-02-07T12:00:00.000Z',
} as const

export const blockVectors = (): BlockVector[] => {
  const small = encodeChunkList('gear64-256k-1', CHUNKS)
  const large = encodeChunkList('gear64-256k-1', MANY)
  const manifest = encodeManifest({
    repo: REPO.repo,
    revision: oid('a'),
    parent: oid('b'),
    createdAt: DATE,
    upstream: 'https://hub.example',
    info: { tags: ['a', 'b'], gated: false, downloads: 12, score: 0.5, nothing: null },
    commit: COMMIT,
    entries: ENTRIES,
  })
  const shard = encodeShard([REPO])
  const root: CatalogRoot = { ...HEAD, shards: Array.from({ length: 64 }, () => shard.cid) }
  const named: [string, Block | undefined][] = [
    ['chunk list page of 3 chunks', small.pages[0]],
    ['chunk list of 3 chunks', small.root],
    ['chunk list of 1 025 chunks', large.root],
    ['last page of a chunk list of 1 025 chunks', large.pages[1]],
    ['manifest page', manifest.pages[0]],
    ['manifest', manifest.root],
    ['history', encodeHistory([COMMIT, { id: oid('b'), title: '', date: DATE }])],
    ['catalog shard', shard],
    ['catalog root', encodeCatalogRoot(root)],
    ['catalog head', encodeBlock(headValue({ ...HEAD, root: encodeCatalogRoot(root).cid }))],
  ]
  return named.map(([name, block]) => {
    if (block === undefined) throw new Error(`no block for ${name}`)
    return { name, cid: block.cid, hex: Buffer.from(block.bytes).toString('hex') }
  })
}

function lfsOf(text: string, size: number) {
  return { oid: digest(text), size, pointerSize: 134 }
}

function list() {
  return encodeChunkList('gear64-256k-1', CHUNKS).root.cid
}

/** CIDs of the two kinds, for a known digest. */
export const cidVectors = () => ({ sha256: EMPTY_SHA256, raw: chunkCid(EMPTY_SHA256), dagCbor: blockCid(EMPTY_SHA256) })
