import type { RepoRef } from '@hubmesh/content'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { type Reply, ask, exchange, get, parts } from './support/http.ts'
import { type TestCommit, bytesOf, patternContent } from './support/repos.ts'

const MODEL: RepoRef = { type: 'model', id: 'ada/model' }
const BIG = patternContent(5_000_001)
const ODD_NAMES = [
  'with space.txt',
  '日本/語.txt',
  'plus+and&eq=.txt',
  "quote's (1)[2],!@;.txt",
  '100%.txt',
  'a%20b.txt',
  'hash#q?.txt',
  '~tilde.txt',
]

let running: RunningGateway
let first: TestCommit
let second: TestCommit

beforeAll(async () => {
  running = await startGateway()
  const { library } = running
  const commits = library.add(MODEL, {
    commits: [
      { files: { 'config.json': '{"old": true}' }, title: 'first' },
      {
        title: 'second',
        files: {
          'config.json': '{"new": true}',
          'empty.txt': '',
          'empty.bin': '',
          'sub/small.bin': 'lfs bytes',
          'big.bin': BIG,
          ...Object.fromEntries(ODD_NAMES.map((name) => [name, `content of ${name}`])),
        },
      },
    ],
    refs: { main: 1, 'refs/tags/v1': 0, 'refs/pr/1': 0, 'feature/onnx': 0 },
    aliases: ['ada/old-name'],
  })
  ;[first, second] = commits as [TestCommit, TestCommit]
  library.add({ type: 'model', id: 'gpt2' }, { commits: [{ files: { 'x.txt': 'no namespace' } }] })
  library.add({ type: 'dataset', id: 'ada/data' }, { commits: [{ files: { 'x.csv': 'a,b' } }] })
  library.add({ type: 'space', id: 'ada/app' }, { commits: [{ files: { 'app.py': 'pass' } }], stale: true })
})
afterAll(async () => running.gateway.stop())

const fetchFile = (target: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> =>
  ask(running.url, target, { method, headers })

const fileOf = (path: string) => {
  const entry = second.entries.find((entry) => entry.path === path)
  if (entry === undefined || !('size' in entry)) throw new Error(`no file ${path}`)
  return entry
}

describe('resolve', () => {
  it('answers a regular file with its git oid, an LFS file with its sha256', async () => {
    const regular = await fetchFile('/ada/model/resolve/main/config.json')
    expect(regular.status).toBe(200)
    expect(regular.body.toString()).toBe('{"new": true}')
    expect(regular.headers).toMatchObject({
      'x-repo-commit': second.revision,
      etag: `"${fileOf('config.json').oid}"`,
      'content-length': '13',
      'accept-ranges': 'bytes',
      'content-disposition': `inline; filename*=UTF-8''config.json; filename="config.json";`,
      'cache-control': 'no-cache',
      'x-mesh-source': 'local',
      'x-mesh-publisher': '12D3KooWTestPublisher',
    })
    expect(Number(regular.headers['x-mesh-age'])).toBeGreaterThan(0)
    const lfs = await fetchFile('/ada/model/resolve/main/sub/small.bin')
    expect(lfs.headers.etag).toBe(`"${fileOf('sub/small.bin').sha256}"`)
    expect(lfs.headers['x-xet-hash']).toBeUndefined()
  })

  it('serves a large file byte for byte', async () => {
    const reply = await fetchFile('/ada/model/resolve/main/big.bin')
    expect(reply.body.equals(bytesOf(BIG))).toBe(true)
  })

  it.each([
    ['main', 'second'],
    ['HEAD', 'second'],
    ['v1', 'first'],
    ['refs%2Fpr%2F1', 'first'],
    ['refs/pr/1', 'first'],
    ['feature%2Fonnx', 'first'],
    ['feature/onnx', 'first'],
    ['refs%2Ftags%2Fv1', 'first'],
  ])('finds revision %s', async (revision, which) => {
    const reply = await fetchFile(`/ada/model/resolve/${revision}/config.json`)
    expect(reply.headers['x-repo-commit']).toBe(which === 'first' ? first.revision : second.revision)
    expect(reply.status).toBe(200)
  })

  it('lets a commit be cached for good, a branch not', async () => {
    const reply = await fetchFile(`/ada/model/resolve/${first.revision}/config.json`)
    expect(reply.body.toString()).toBe('{"old": true}')
    expect(reply.headers['cache-control']).toContain('immutable')
  })

  it.each([
    ['/gpt2/resolve/main/x.txt', 'no namespace'],
    ['/datasets/ada/data/resolve/main/x.csv', 'a,b'],
    ['/spaces/ada/app/resolve/main/app.py', 'pass'],
    ['/models/ada/model/sub/small.bin', 'lfs bytes'],
    ['/models/ada/model/config.json?revision=v1', '{"old": true}'],
    ['/datasets/ada/data/x.csv', 'a,b'],
  ])('%s', async (target, body) => expect((await fetchFile(target)).body.toString()).toBe(body))

  it.each(ODD_NAMES)('round-trips the name %s as Python and curl encode it', async (name) => {
    const encoded = name.split('/').map(encodeURIComponent).join('/')
    const reply = await fetchFile(`/ada/model/resolve/main/${encoded}`)
    expect(reply.body.toString()).toBe(`content of ${name}`)
  })

  it.each(ODD_NAMES.filter((name) => !/[#?]|%20/.test(name)))('takes the name %s as JS writes it', async (name) => {
    const { pathname } = new URL(`http://localhost/ada/model/resolve/main/${name}`)
    expect((await fetchFile(pathname)).body.toString()).toBe(`content of ${name}`)
  })

  it('takes the absolute form of a target', async () => {
    const target = 'http://localhost/gpt2/resolve/main/x.txt'
    const raw = exchange(running.port, get(target, ['Connection: close']))
    await raw.ended
    expect(parts(raw.received()).head).toContain('200 OK')
  })

  it.each([
    ['/ada/model/resolve/main/sub/small.bin', 'sub/small.bin'],
    ['/ada/model/resolve/HEAD/with%20space.txt?download=true', 'with%20space.txt?download=true'],
    ['/models/ada/model/resolve/main/100%25.txt', '100%25.txt'],
  ])(
    'tells of %s where that very commit has it, so that a branch may move between HEAD and GET',
    async (target, at) => {
      const head = await fetchFile(target, {}, 'HEAD')
      expect(head.status).toBe(200)
      const location = `${running.url}/ada/model/resolve/${second.revision}/${at}`
      expect(head.headers.location).toBe(location)
      const pinned = await fetchFile(location.slice(running.url.length))
      expect([pinned.status, pinned.headers.etag, pinned.headers.location]).toEqual([200, head.headers.etag, undefined])
    },
  )

  it('links as https where a proxy in front speaks it', async () => {
    const reply = await fetchFile('/gpt2/resolve/main/x.txt', { 'X-Forwarded-Proto': 'https', Host: 'localhost' })
    expect(reply.headers.location).toMatch(/^https:\/\/localhost\/gpt2\/resolve\/[0-9a-f]{40}\/x\.txt$/)
  })

  it('warns of a stale mirror', async () => {
    const reply = await fetchFile('/spaces/ada/app/resolve/main/app.py')
    expect(reply.headers['x-hf-warning']).toMatch(/^hubmesh; this mirror is stale/)
  })

  it('redirects the old name of a repo, relatively', async () => {
    const reply = await fetchFile('/ada/old-name/resolve/v1/config.json?download=true')
    expect(reply.status).toBe(307)
    expect(reply.headers.location).toBe('/ada/model/resolve/v1/config.json?download=true')
    expect((await fetchFile('/api/models/ada/old-name/tree/main')).headers.location).toBe(
      '/api/models/ada/model/tree/main',
    )
  })
})

describe('errors', () => {
  it.each([
    ['/ada/model/resolve/main/nothing.txt', 404, 'EntryNotFound'],
    ['/ada/model/resolve/main/sub', 404, 'EntryNotFound'],
    ['/ada/model/resolve/nope/config.json', 404, 'RevisionNotFound'],
    ['/ada/nope/resolve/main/config.json', 401, 'RepoNotFound'],
    ['/kernels/ada/x/resolve/main/y', 404, 'RepoNotFound'],
    ['/ada/bad--name/resolve/main/y', 404, 'RepoNotFound'],
    ['/ada/model/raw/main/nothing.txt', 404, 'EntryNotFound'],
    ['/models/ada/model/nothing.txt', 404, 'EntryNotFound'],
  ])('%s is %i %s', async (target, status, code) => {
    for (const method of ['GET', 'HEAD']) {
      const reply = await fetchFile(target, {}, method)
      expect([reply.status, reply.headers['x-error-code']]).toEqual([status, code])
      expect(reply.headers['x-error-message']).not.toBe('')
      if (method === 'GET') expect(reply.json()).toHaveProperty('error')
    }
  })

  it('says at which commit a file is missing', async () => {
    const reply = await fetchFile('/ada/model/resolve/main/nothing.txt', {}, 'HEAD')
    expect(reply.headers['x-repo-commit']).toBe(second.revision)
  })

  it('tells a client with a token 404, where one without is told 401', async () => {
    const reply = await fetchFile('/ada/nope/resolve/main/x', { Authorization: 'Bearer hf_x' })
    expect([reply.status, reply.headers['x-error-code']]).toEqual([404, 'RepoNotFound'])
  })

  it('keeps its messages ASCII', async () => {
    const reply = await fetchFile('/ada/model/resolve/main/%E6%97%A5.txt')
    expect(reply.headers['x-error-message']).toMatch(/^[\x20-\x7e]+$/)
    expect((reply.json() as { error: string }).error).toContain('日.txt')
  })

  it.each(['..%2F..%2Fetc%2Fpasswd', 'a/%2E%2E/b', '../../x', 'a//b', 'a%00b', 'a%5Cb', 'C:%5Cx', './x'])(
    'refuses the path %s',
    async (path) => expect((await fetchFile(`/ada/model/resolve/main/${path}`)).status).toBe(400),
  )
})

/** Headers -> status and Content-Range, and the length of the body where there is one. */
const CONDITIONS: readonly [string, Record<string, string>, readonly [number, string | undefined], number?][] = [
  ['no range', {}, [200, undefined], 5_000_001],
  ['a-b', { range: 'bytes=10-19' }, [206, 'bytes 10-19/5000001'], 10],
  ['the first byte', { range: 'bytes=0-0' }, [206, 'bytes 0-0/5000001'], 1],
  ['a-', { range: 'bytes=4999999-' }, [206, 'bytes 4999999-5000000/5000001'], 2],
  ['-n', { range: 'bytes=-3' }, [206, 'bytes 4999998-5000000/5000001'], 3],
  ['over the end', { range: 'bytes=0-9999999' }, [206, 'bytes 0-5000000/5000001'], 5_000_001],
  ['past the end', { range: 'bytes=5000001-' }, [416, 'bytes */5000001']],
  ['a list', { range: 'bytes=0-1,4-5' }, [200, undefined], 5_000_001],
  ['nonsense', { range: 'bytes=x' }, [200, undefined], 5_000_001],
  ['If-Range of the same', { range: 'bytes=0-9', 'if-range': 'ETAG' }, [206, 'bytes 0-9/5000001'], 10],
  ['If-Range of another', { range: 'bytes=0-9', 'if-range': '"other"' }, [200, undefined], 5_000_001],
  ['If-None-Match of the same', { 'if-none-match': 'ETAG' }, [304, undefined]],
  ['If-None-Match, weak', { 'if-none-match': 'W/ETAG' }, [304, undefined]],
  ['If-None-Match with a range', { 'if-none-match': 'ETAG', range: 'bytes=0-1' }, [304, undefined]],
  ['If-None-Match of another', { 'if-none-match': '"other"' }, [200, undefined], 5_000_001],
]

describe('ranges and conditions', () => {
  it.each(CONDITIONS)('%s', async (_, headers, [status, contentRange], length) => {
    const etag = `"${BIG.sha256}"`
    const sent = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.replace('ETAG', () => etag)]),
    )
    const reply = await fetchFile('/ada/model/resolve/main/big.bin', sent)
    expect([reply.status, reply.headers['content-range']]).toEqual([status, contentRange])
    expect(reply.headers).toMatchObject({ etag, 'x-repo-commit': second.revision })
    if (length !== undefined) {
      const start = Number(/bytes (\d+)/.exec(contentRange ?? '')?.[1] ?? 0)
      expect(reply.body.equals(bytesOf(BIG, start, start + length))).toBe(true)
    } else expect(reply.body).toHaveLength(0)
    await expectSameHead('/ada/model/resolve/main/big.bin', sent, reply)
  })

  it.each(['empty.txt', 'empty.bin'])('answers a range of the empty %s with 200, for JS', async (path) => {
    const target = `/ada/model/resolve/main/${path}`
    const reply = await fetchFile(target, { range: 'bytes=0-0' })
    expect(reply.status).toBe(200)
    expect(reply.headers).toMatchObject({ 'content-length': '0', 'content-range': 'bytes */0' })
    await expectSameHead(target, { range: 'bytes=0-0' }, reply)
    expect((await fetchFile(target)).headers['content-length']).toBe('0')
  })
})

describe('raw', () => {
  it('gives an LFS file as its pointer, under its git oid, with ranges', async () => {
    const { sha256, oid } = fileOf('big.bin')
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize 5000001\n`
    const reply = await fetchFile('/ada/model/raw/main/big.bin')
    expect(reply.body.toString()).toBe(pointer)
    expect(reply.headers).toMatchObject({ etag: `"${oid}"`, 'x-repo-commit': second.revision })
    await expectSameHead('/ada/model/raw/main/big.bin', {}, reply)
    const probe = await fetchFile('/ada/model/raw/main/big.bin', { range: 'bytes=0-0' })
    expect([probe.status, probe.body.toString()]).toEqual([206, 'v'])
    expect(probe.headers['content-range']).toBe(`bytes 0-0/${pointer.length}`)
  })

  it('gives a regular file as it is', async () =>
    expect((await fetchFile('/ada/model/raw/main/config.json')).body.toString()).toBe('{"new": true}'))
})

describe('SHA256SUMS', () => {
  it('lists every file as sha256sum does', async () => {
    const lines = (await fetchFile('/ada/model/SHA256SUMS?revision=v1')).body.toString()
    const [file] = first.entries
    expect(lines).toBe(`${file !== undefined && 'size' in file ? file.sha256 : ''}  config.json\n`)
  })
})

/** HEAD says what GET said. */
const expectSameHead = async (target: string, headers: Record<string, string>, reply: Reply): Promise<void> => {
  const head = await fetchFile(target, headers, 'HEAD')
  const told = ({ status, headers }: Reply) => {
    const { date: _, 'x-mesh-age': __, ...rest } = headers
    return { status, ...rest }
  }
  expect(told(head)).toEqual(told(reply))
  expect(head.body).toHaveLength(0)
}
