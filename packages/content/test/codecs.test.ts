import { describe, expect, it } from 'vitest'
import {
  type CatalogRepo,
  type Entry,
  type FileEntry,
  MAX_BLOCK_BYTES,
  MeshError,
  asGitOid,
  blockCid,
  clashingPaths,
  comparePaths,
  decodeCatalogRoot,
  decodeChunkList,
  decodeChunkPage,
  decodeHead,
  decodeHistory,
  decodeManifest,
  decodeManifestEntries,
  decodeManifestPage,
  decodeShard,
  decodeValue,
  encodeChunkList,
  encodeHistory,
  encodeManifest,
  encodeShard,
  encodeValue,
  fromBase32,
  link,
  parseCid,
  sha256Of,
  shardOf,
  toBase32,
  verifyBlock,
} from '../src/index.ts'
import { sampleBytes } from './samples.ts'
import { blockVectors } from './vector-cases.ts'

const DATE = '2026-01-31T12:00:00.000Z'
const OID = asGitOid('a'.repeat(40))
const digest = (text: string) => sha256Of(Buffer.from(text))
const fileAt = (path: string, change: object = {}): FileEntry => ({
  path,
  size: 7,
  oid: OID,
  sha256: digest('x'),
  ...change,
})
const draftOf = (entries: readonly Entry[], change: object = {}) => ({
  repo: { type: 'model', id: 'acme/voice' } as const,
  revision: OID,
  createdAt: DATE,
  upstream: 'publish',
  info: {},
  commit: { id: OID, title: 'first', date: DATE },
  entries,
  ...change,
})

const badBytes = expect.objectContaining({ code: 'bad-bytes' })
const badInput = expect.objectContaining({ code: 'bad-input' })

describe('decoders and hostile bytes', () => {
  const vectors = new Map(blockVectors().map(({ name, hex }) => [name, Uint8Array.from(Buffer.from(hex, 'hex'))]))
  const list = decodeChunkList(vectors.get('chunk list of 3 chunks')!)
  const decoders: [string, (bytes: Uint8Array) => unknown][] = [
    ['chunk list of 3 chunks', decodeChunkList],
    ['chunk list page of 3 chunks', (bytes) => decodeChunkPage(list, 0, bytes)],
    ['manifest', decodeManifest],
    ['manifest page', decodeManifestPage],
    ['history', decodeHistory],
    ['catalog shard', (bytes) => decodeShard(36, bytes)],
    ['catalog root', decodeCatalogRoot],
    ['catalog head', decodeHead],
  ]

  /** Whether it was taken; anything but a MeshError fails the test. */
  const isTaken = (decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): boolean => {
    try {
      decode(bytes)
      return true
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      expect(error.code).toBe('bad-bytes')
      return false
    }
  }

  it.each(decoders)('%s: any byte changed, a MeshError or a value', (name, decode) => {
    const bytes = vectors.get(name)!
    const noise = sampleBytes(4 * bytes.length, name)
    let refused = 0
    for (let round = 0; round < 4 * bytes.length; round += 1) {
      const changed = Uint8Array.from(bytes)
      changed[round % bytes.length] = noise[round]!
      if (!isTaken(decode, changed)) refused += 1
    }
    expect(refused).toBeGreaterThan(bytes.length / 2)
  })

  it.each(decoders)('%s: cut off anywhere, or with a byte more, it is refused', (name, decode) => {
    const bytes = vectors.get(name)!
    for (let end = 0; end < bytes.length; end += 1) expect(isTaken(decode, bytes.subarray(0, end))).toBe(false)
    expect(isTaken(decode, Buffer.concat([bytes, Uint8Array.of(0)]))).toBe(false)
  })

  const strangers: unknown[] = [
    null,
    true,
    -1,
    0.5,
    2 ** 53,
    2n ** 63n,
    '',
    '__proto__',
    'x'.repeat(100_000),
    new Uint8Array(40),
    [],
    [[]],
    {},
    { constructor: 1 },
    link(parseCid('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')),
  ]
  it.each(decoders)('%s: any value in the place of another, a MeshError or a value', (name, decode) => {
    let refused = 0
    for (const changed of withEachPlace(decodeValue(vectors.get(name)!), strangers))
      if (!isTaken(decode, encodeValue(changed))) refused += 1
    expect(refused).toBeGreaterThan(strangers.length)
  })

  it.each(decoders)('%s: a version that is not known is named, an unknown field is kept', (name, decode) => {
    const value = decodeValue(vectors.get(name)!) as Record<string, unknown>
    const later = { ...value, later: { deep: [1, 'two', null] } }
    expect(isTaken(decode, encodeValue(later))).toBe(true)
    // The others hand out only what is in them.
    if (!/page|history|shard/.test(name)) expect(decode(encodeValue(later))).toMatchObject({ later: later.later })
    expect(() => decode(encodeValue({ ...value, v: 2 }))).toThrow(/version 2/)
  })

  it('nesting, lengths and repeats that would exhaust a parser are refused', () => {
    const bombs = [
      new Uint8Array(MAX_BLOCK_BYTES).fill(0x81), // a list in a list in a list …
      Buffer.from('9b00000001ffffffff', 'hex'), // a list of 8 billion
      Buffer.from('5b7fffffffffffffff', 'hex'), // bytes without end
      Buffer.from('bf', 'hex'), // a map of indefinite length
      Buffer.from('a2617601617601', 'hex'), // a name twice
    ]
    for (const [, decode] of decoders) for (const bomb of bombs) expect(isTaken(decode, bomb)).toBe(false)
  })
})

describe('manifests', () => {
  it('of many entries come out in order, over several pages', () => {
    const entries = Array.from({ length: 2500 }, (_, index) => fileAt(`dir/${2500 - index}`))
    const { root, pages } = encodeManifest(draftOf(entries))
    expect(decodeManifest(root.bytes).entries).toEqual(pages.map(({ cid }) => cid))
    expect(pages).toHaveLength(3)
    const all = decodeManifestEntries(pages.map(({ bytes }) => bytes))
    expect(all).toEqual(entries.toSorted((a, b) => comparePaths(a.path, b.path)))
    expect(() => decodeManifestEntries(pages.map(({ bytes }) => bytes).toReversed())).toThrowError(badBytes)
    expect(() => decodeManifestEntries([pages[0]!, pages[0]!].map(({ bytes }) => bytes))).toThrowError(badBytes)
  })

  it('of long entries have smaller pages, none over 1 MiB', () => {
    const lastCommit = { id: OID, title: 'x'.repeat(10_000), date: DATE }
    const entries = Array.from({ length: 1000 }, (_, index) => fileAt(`p${index}`, { lastCommit }))
    const { pages } = encodeManifest(draftOf(entries))
    expect(pages.every(({ bytes }) => bytes.length <= MAX_BLOCK_BYTES)).toBe(true)
    expect(decodeManifestEntries(pages.map(({ bytes }) => bytes))).toHaveLength(1000)
  })

  it('keep fields of entries that this version does not know', () => {
    const { pages } = encodeManifest(draftOf([fileAt('a', { later: [1] })]))
    expect(decodeManifestPage(pages[0]!.bytes)).toMatchObject([{ later: [1] }])
  })

  it.each<[string, object]>([
    ['a path that leads out', { path: '../x' }],
    ['a negative size', { size: -1 }],
    ['a size beyond all files', { size: 2 ** 45 }],
    ['over 1 MiB without a list', { size: 1024 * 1024 + 1 }],
    ['nothing, with a list', { size: 0, sha256: digest(''), list: blockCid(digest('l')) }],
    ['nothing, under a name of something', { size: 0 }],
    ['an LFS oid that is another', { lfs: { oid: digest('y'), size: 7, pointerSize: 130 } }],
    ['an LFS size that is another', { lfs: { oid: digest('x'), size: 8, pointerSize: 130 } }],
    ['a date that is none', { lastCommit: { id: OID, title: '', date: '2026-13-01T00:00:00Z' } }],
    ['a title without end', { lastCommit: { id: OID, title: 'x'.repeat(10_001), date: DATE } }],
    ['a git oid in capitals', { oid: 'A'.repeat(40) }],
  ])('refuse a file with %s, both ways', (_, change) => {
    expect(() => encodeManifest(draftOf([fileAt('a', change)]))).toThrowError(badInput)
    const { list, ...plain } = { list: undefined as string | undefined, ...fileAt('a', change) }
    const entry = list === undefined ? plain : { ...plain, list: link(parseCid(list)) }
    expect(() => decodeManifestPage(encodeValue({ v: 1, entries: [entry] }))).toThrowError(badBytes)
  })

  it.each<[string, object]>([
    ['a path twice', { entries: [fileAt('a'), fileAt('a')] }],
    ['info that JSON cannot hold', { info: { big: 2n ** 60n } }],
    ['info with bytes', { info: { bytes: new Uint8Array(3) } }],
    ['over 1 MiB of info', { info: { text: 'x'.repeat(1024 * 1024) } }],
    ['info without bottom', { info: deep(100) }],
    ['another kind of repo', { repo: { type: 'bucket', id: 'a/b' } }],
  ])('are not made with %s', (_, change) => {
    expect(() => encodeManifest(draftOf([], change))).toThrowError(badInput)
  })

  it('tell which paths a file system that ignores case would mix up', () => {
    expect(clashingPaths(['a/b', 'A/b', 'c', 'c', 'é', 'e\u0301', 'É'])).toEqual([
      ['a/b', 'A/b'],
      ['é', 'e\u0301', 'É'],
    ])
  })

  it('order paths as git does, by their UTF-8 bytes', () => {
    const paths = ['a', 'a.b', 'a/b', 'a0', 'b', 'é', '模', '\uffff', '🤗', '\ud800', 'ab', '']
    const sorted = paths.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const wellFormed = (path: string): boolean => path.isWellFormed()
    expect(paths.toSorted(comparePaths).filter(wellFormed)).toEqual(sorted.filter(wellFormed))
  })
})

describe('chunk lists', () => {
  const chunk = (length: number) => ({ sha256: digest(String(length)), length })
  const { root, pages } = encodeChunkList('c', [chunk(3), chunk(4)])
  const list = decodeChunkList(root.bytes)
  const pageOf = (lengths: number[], digests = lengths.length * 32) =>
    encodeValue({
      v: 1,
      lengths: new Uint8Array(Uint32Array.from(lengths).buffer),
      digests: new Uint8Array(digests),
    })

  it.each<[string, Uint8Array]>([
    ['no chunk', pageOf([])],
    ['too many chunks', pageOf(Array.from({ length: 1025 }, () => 1))],
    ['a chunk of nothing', pageOf([7, 0])],
    ['lengths that do not add up', pageOf([3, 5])],
    ['too few digests', pageOf([3, 4], 32)],
    ['half a length', encodeValue({ v: 1, lengths: new Uint8Array(6), digests: new Uint8Array(48) })],
  ])('refuse a page with %s', (_, bytes) => expect(() => decodeChunkPage(list, 0, bytes)).toThrowError(badBytes))

  it('refuse a page that the list does not have, and one that is not full but the last', () => {
    expect(() => decodeChunkPage(list, 1, pages[0]!.bytes)).toThrowError(badBytes)
    const [span] = list.pages
    const longer = { ...list, pages: [span!, span!] }
    expect(() => decodeChunkPage(longer, 0, pages[0]!.bytes)).toThrowError(badBytes)
  })

  it('refuse a chunk of over 1 MiB', () => {
    const large = decodeChunkList(encodeChunkList('c', [chunk(1024 * 1024)]).root.bytes)
    expect(() =>
      decodeChunkPage(
        { ...large, pages: [{ ...large.pages[0]!, bytes: 1024 * 1024 + 1 }] },
        0,
        pageOf([1024 * 1024 + 1]),
      ),
    ).toThrowError(badBytes)
  })

  it('refuse a size that is not that of the pages', () => {
    const value = decodeValue(root.bytes) as { pages: { bytes: number }[] }
    expect(() => decodeChunkList(encodeValue({ ...value, size: 8 }))).toThrowError(badBytes)
  })

  it('are not made of nothing', () => expect(() => encodeChunkList('c', [])).toThrowError(badInput))
})

describe('catalogs', () => {
  const offer = (id: string, change: object = {}): CatalogRepo => ({
    repo: { type: 'model', id },
    refs: { main: { revision: OID, manifest: blockCid(digest('m')), since: DATE } },
    revisions: { [OID]: blockCid(digest('m')) },
    ...change,
  })
  const inShard = (wanted: number): CatalogRepo[] =>
    Array.from({ length: 500 }, (_, index) => offer(`o/r${index}`)).filter(({ repo }) => shardOf(repo) === wanted)

  it('hold the repos of a shard in order, each once', () => {
    const repos = inShard(5)
    expect(repos.length).toBeGreaterThan(2)
    const { bytes } = encodeShard(repos.toReversed())
    const keys = repos.map(({ repo }) => repo.id).toSorted()
    expect(decodeShard(5, bytes).map(({ repo }) => repo.id)).toEqual(keys)
    expect(() => decodeShard(6, bytes)).toThrowError(badBytes)
    expect(() => encodeShard([repos[0]!, repos[0]!])).toThrowError(badInput)
    expect(() => encodeShard([...repos, ...inShard(6)])).toThrowError(badInput)
  })

  it('find no ref that is not there', () => {
    const shard = shardOf({ type: 'model', id: 'gpt2' })
    const [repo] = decodeShard(shard, encodeShard([offer('gpt2')]).bytes)
    for (const name of ['constructor', '__proto__', 'toString', 'v1']) expect(repo?.refs[name]).toBeUndefined()
    expect(repo?.refs.main?.revision).toBe(OID)
    expect(repo?.revisions.constructor).toBeUndefined()
    expect(encodeShard([repo!]).cid).toBe(encodeShard([offer('gpt2')]).cid)
  })

  it.each<[string, object]>([
    ['a ref that is no ref name', { refs: { 'a b': offer('gpt2').refs.main } }],
    ['a ref that would be a prototype', { refs: JSON.parse('{"__proto__":{}}') as object }],
    ['a revision that is none', { revisions: { main: blockCid(digest('m')) } }],
    ['an unknown job state', { job: { state: 'sleeping', since: DATE } }],
  ])('are not made with %s', (_, change) => {
    expect(() => encodeShard([offer('gpt2', change)])).toThrow()
  })

  it('pass on as many of the newest commits as fit', () => {
    const commits = Array.from({ length: 12_000 }, (_, index) => ({ id: OID, title: `commit ${index}`, date: DATE }))
    const decoded = decodeHistory(encodeHistory(commits).bytes)
    expect(decoded.length).toBeGreaterThan(5000)
    expect(decoded).toEqual(commits.slice(0, decoded.length))
    expect(decodeHistory(encodeHistory([]).bytes)).toEqual([])
    expect(() => encodeHistory([{ id: OID, title: 'x'.repeat(10_001), date: DATE }])).toThrowError(badInput)
  })
})

describe('blocks', () => {
  it('are what their CID names, and no larger than 1 MiB', () => {
    const bytes = encodeValue({ a: 1 })
    const cid = blockCid(sha256Of(bytes))
    expect(verifyBlock(cid, bytes)).toEqual({ cid, bytes })
    expect(() => verifyBlock(cid, encodeValue({ a: 2 }))).toThrowError(badBytes)
    const large = new Uint8Array(MAX_BLOCK_BYTES + 1)
    expect(() => verifyBlock(blockCid(sha256Of(large)), large)).toThrowError(badBytes)
  })

  it.each([
    '',
    'x',
    'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
  ])('have no CID like %j', (text) => expect(() => parseCid(text)).toThrowError(badInput))

  it('base32 goes both ways, and takes nothing else', () => {
    const bytes = sampleBytes(33, 'base32')
    expect(fromBase32(toBase32(bytes))).toEqual(bytes)
    for (const text of ['A', 'a', 'ab=', '01', 'mzxw6ytb1', 'mr']) expect(() => fromBase32(text)).toThrowError(badInput)
  })
})

/** The value with each of its parts in turn replaced by each of the others. */
function* withEachPlace(value: unknown, others: readonly unknown[]): Generator {
  yield* others
  if (Array.isArray(value)) {
    for (const [index, part] of value.slice(0, 3).entries())
      for (const other of withEachPlace(part, others)) yield value.with(index, other)
  } else if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    for (const [name, part] of Object.entries(value))
      for (const other of withEachPlace(part, others)) yield { ...value, [name]: other }
  }
}

function deep(levels: number): object {
  return levels === 0 ? {} : { a: deep(levels - 1) }
}
