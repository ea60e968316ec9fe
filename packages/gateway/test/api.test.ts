import type { RepoRef } from '@hubmesh/content'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { type Ask, type Reply, ask } from './support/http.ts'
import type { TestCommit } from './support/repos.ts'

const MODEL: RepoRef = { type: 'model', id: 'ada/model' }
const MANY = 2_345

let running: RunningGateway
let first: TestCommit
let second: TestCommit

beforeAll(async () => {
  running = await startGateway()
  const { library } = running
  const commits = library.add(MODEL, {
    commits: [
      { files: { 'config.json': '{}' }, title: 'first' },
      {
        title: 'second',
        files: { 'config.json': '{"a": 1}', 'a/b/c.bin': 'lfs bytes', 'a/日 +.txt': 'x', 'z.txt': '' },
        info: {
          id: 'someone/else',
          lastModified: '2026-01-05T08:00:00+00:00',
          likes: 7,
          tags: ['license:mit', 'text'],
          pipeline_tag: 'text-generation',
          cardData: { license: 'mit' },
          xetEnabled: true,
          safetensors: { total: 5 },
          siblings: [{ rfilename: 'wrong' }],
        },
      },
    ],
    refs: { main: 1, dev: 0, 'refs/tags/v1': 0, 'refs/pr/1': 0, 'refs/convert/parquet': 0 },
  })
  ;[first, second] = commits as [TestCommit, TestCommit]
  const files = Object.fromEntries(Array.from({ length: MANY }, (_, index) => [`many/${index}.txt`, 'x']))
  library.add({ type: 'dataset', id: 'bob/many' }, { commits: [{ files }] })
  library.add({ type: 'model', id: 'gpt2' }, { commits: [{ files: { 'x.txt': 'x' } }] })
})
afterAll(async () => running.gateway.stop())

const api = (target: string, options: Ask = {}): Promise<Reply> => ask(running.url, target, options)
const body = async (target: string, options: Ask = {}): Promise<unknown> => (await api(target, options)).json()
const paths = (entries: unknown): string[] => (entries as { path: string }[]).map(({ path }) => path)

describe('repo info', () => {
  it('is the own answer of the Hub for the commit, with what is served here', async () => {
    const info = await body('/api/models/ada/model')
    expect(info).toMatchObject({
      id: 'ada/model',
      modelId: 'ada/model',
      sha: second.revision,
      lastModified: '2026-01-05T08:00:00.000Z',
      createdAt: '2026-01-01T00:00:00.000Z',
      private: false,
      gated: false,
      disabled: false,
      likes: 7,
      downloads: 0,
      pipeline_tag: 'text-generation',
      cardData: { license: 'mit' },
      siblings: [
        { rfilename: 'a/b/c.bin' },
        { rfilename: 'a/日 +.txt' },
        { rfilename: 'config.json' },
        { rfilename: 'z.txt' },
      ],
    })
    for (const field of ['xetEnabled', 'safetensors']) expect(info).not.toHaveProperty(field)
  })

  it('tells sizes and oids with blobs=true', async () => {
    const { siblings } = (await body('/api/models/ada/model/revision/main?blobs=true')) as { siblings: object[] }
    const lfs = second.entries.find(({ path }) => path === 'a/b/c.bin')
    expect(siblings[0]).toMatchObject({ rfilename: 'a/b/c.bin', size: 9, blobId: lfs?.oid, lfs: { size: 9 } })
    expect(siblings[2]).toEqual({ rfilename: 'config.json', size: 8, blobId: expect.stringMatching(/^[0-9a-f]{40}$/) })
  })

  it.each([
    ['expand=sha&expand=likes', ['_id', 'id', 'likes', 'sha']],
    ['expand[]=sha', ['_id', 'id', 'sha']],
    ['expand=siblings', ['_id', 'id', 'siblings']],
  ])('keeps to %s', async (query, fields) =>
    expect(Object.keys((await body(`/api/models/ada/model/revision/main?${query}`)) as object).toSorted()).toEqual(
      fields,
    ),
  )

  it.each(['HEAD', 'main', 'dev', 'refs%2Fpr%2F1', 'refs/pr/1', 'v1'])('knows revision %s', async (revision) => {
    const { sha } = (await body(`/api/models/ada/model/revision/${revision}`)) as { sha: string }
    expect(sha).toBe(['HEAD', 'main'].includes(revision) ? second.revision : first.revision)
  })

  it('waits for a repo that is not known yet', async () => {
    running.library.hide(MODEL, 3)
    expect((await api('/api/models/ada/model/revision/main')).status).toBe(200)
  })
})

describe('tree', () => {
  it('lists a folder, and everything below it with recursive', async () => {
    const top = await body('/api/models/ada/model/tree/main')
    expect(paths(top)).toEqual(['a', 'config.json', 'z.txt'])
    expect(top).toMatchObject([{ type: 'directory', size: 0, oid: expect.any(String) }, { type: 'file', size: 8 }, {}])
    expect(paths(await body('/api/models/ada/model/tree/main?recursive=true'))).toEqual([
      'a',
      'a/b',
      'a/b/c.bin',
      'a/日 +.txt',
      'config.json',
      'z.txt',
    ])
  })

  it.each(['a/b', 'a%2Fb', 'a%2Fb/', 'a/b?recursive=True'])('takes the folder %s', async (folder) => {
    const entries = await body(`/api/models/ada/model/tree/main/${folder}`)
    const file = second.entries.find(({ path }) => path === 'a/b/c.bin')
    expect(entries).toEqual([
      {
        type: 'file',
        path: 'a/b/c.bin',
        size: 9,
        oid: file?.oid,
        lfs: { oid: expect.stringMatching(/^[0-9a-f]{64}$/), size: 9, pointerSize: expect.any(Number) },
      },
    ])
  })

  it('takes a bare refs/pr/1 before the folder', async () =>
    expect(paths(await body('/api/models/ada/model/tree/refs/pr/1'))).toEqual(['config.json']))

  it('tells the last commit with expand', async () =>
    expect(await body('/api/models/ada/model/tree/main/a/b?expand=true')).toMatchObject([
      { lastCommit: { id: second.revision, title: 'second', date: '2026-01-05T08:00:00.000Z' } },
    ]))

  it.each(['nope', 'config.json', 'a/../a', '..%2F'])('has no folder %s', async (folder) => {
    const reply = await api(`/api/models/ada/model/tree/main/${folder}`)
    expect([reply.status, reply.headers['x-error-code']]).toEqual([404, 'EntryNotFound'])
    expect(reply.headers['x-repo-commit']).toBe(second.revision)
  })

  it('gives pages of 1000, each linked to the next at this host and this commit', async () => {
    let target: string | undefined = '/api/datasets/bob/many/tree/main/many?recursive=true&expand=false'
    const seen: string[] = []
    const sizes: number[] = []
    while (target !== undefined) {
      const reply: Reply = await api(target, { headers: { Host: `localhost:${running.port}` } })
      const page = paths(reply.json())
      seen.push(...page)
      sizes.push(page.length)
      const [, link] = /^<([^>]+)>; rel="next"$/.exec(String(reply.headers.link ?? '')) ?? []
      if (link !== undefined) {
        expect(link).toMatch(
          new RegExp(
            String.raw`^http://localhost:${running.port}/api/datasets/bob/many/tree/[0-9a-f]{40}/many\?recursive=true`,
          ),
        )
      }
      target = link === undefined ? undefined : new URL(link).pathname + new URL(link).search
    }
    expect(sizes).toEqual([1000, 1000, 345])
    expect(new Set(seen).size).toBe(MANY)
  })
})

describe('paths-info', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const target = '/api/models/ada/model/paths-info/main'

  it('takes the form of Python', async () => {
    const sent = new URLSearchParams([
      ['paths', 'a/日 +.txt'],
      ['paths', 'a'],
      ['paths', 'nope'],
      ['paths', '../x'],
      ['expand', 'False'],
    ]).toString()
    const found = await body(target, { method: 'POST', headers: form, body: sent })
    expect(found).toMatchObject([
      { type: 'file', path: 'a/日 +.txt', size: 1 },
      { type: 'directory', path: 'a' },
    ])
  })

  it('takes the JSON of JS', async () => {
    const options = { method: 'POST', headers: { 'content-type': 'application/json' } }
    const found = await body(target, { ...options, body: JSON.stringify({ paths: ['a/b/c.bin'], expand: true }) })
    expect(found).toMatchObject([{ path: 'a/b/c.bin', lfs: { size: 9 }, lastCommit: { id: second.revision } }])
  })

  it.each([
    ['{"paths": 5}', 400],
    ['not json', 400],
    [`{"paths": ["${'x'.repeat(1_100_000)}"]}`, 413],
  ])('refuses a bad body', async (text, status) => {
    const options = { method: 'POST', headers: { 'content-type': 'application/json' }, body: text }
    expect((await api(target, options)).status).toBe(status)
  })

  it('is for POST', async () => {
    const reply = await api(target)
    expect([reply.status, reply.headers.allow]).toEqual([405, 'POST'])
  })
})

describe('refs and commits', () => {
  it('sorts refs into their kinds', async () => {
    const { revision } = first
    expect(await body('/api/models/ada/model/refs?include_prs=1')).toEqual({
      branches: [
        { name: 'main', ref: 'refs/heads/main', targetCommit: second.revision },
        { name: 'dev', ref: 'refs/heads/dev', targetCommit: revision },
      ],
      tags: [{ name: 'v1', ref: 'refs/tags/v1', targetCommit: revision }],
      converts: [{ name: 'parquet', ref: 'refs/convert/parquet', targetCommit: revision }],
      pullRequests: [{ name: '1', ref: 'refs/pr/1', targetCommit: revision }],
    })
    expect(await body('/api/models/gpt2/refs')).toEqual({
      branches: [expect.objectContaining({ name: 'main' })],
      tags: [],
      converts: [],
    })
  })

  it('gives commits newest first, in pages', async () => {
    const reply = await api('/api/models/ada/model/commits/main?limit=1')
    expect(reply.json()).toEqual([
      {
        id: second.revision,
        title: 'second',
        message: 'why',
        date: '2026-01-05T08:00:00.000Z',
        authors: [{ user: 'ada' }],
      },
    ])
    expect(reply.headers['x-total-count']).toBe('2')
    const [, link = ''] = /<([^>]+)>; rel="next"/.exec(String(reply.headers.link)) ?? []
    const next = await api(new URL(link).pathname + new URL(link).search)
    expect(next.json()).toMatchObject([{ id: first.revision }])
    expect(next.headers.link).toBeUndefined()
  })
})

describe('listing', () => {
  const ids = async (query: string): Promise<string[]> =>
    ((await body(`/api/models${query}`)) as { id: string }[]).map(({ id }) => id)

  it.each([
    ['', ['ada/model', 'gpt2']],
    ['?search=GPT', ['gpt2']],
    ['?author=ada', ['ada/model']],
    ['?filter=license:mit', ['ada/model']],
    ['?filter=license:mit&filter=nope', []],
    ['?filter=text-generation&full=true', ['ada/model']],
    ['?pipeline_tag=text-generation', ['ada/model']],
    ['?sort=likes', ['ada/model', 'gpt2']],
    ['?sort=likes&direction=1', ['gpt2', 'ada/model']],
    ['?sort=last_modified&direction=-1&limit=1&cursor=1', ['gpt2']],
    ['?sort=nonsense', ['ada/model', 'gpt2']],
    ['?limit=1', ['ada/model']],
    ['?limit=1&cursor=1', ['gpt2']],
  ])('/api/models%s', async (query, expected) => expect(await ids(query)).toEqual(expected))

  it('links to more', async () =>
    expect((await api('/api/models?limit=1')).headers.link).toBe(
      `<http://127.0.0.1:${running.port}/api/models?limit=1&cursor=1>; rel="next"`,
    ))
})

describe('small endpoints', () => {
  it.each([
    ['/api/agent-harnesses', { standardEnvVars: [], harnesses: {} }],
    ['/api/models/ada/model/auth-check', {}],
    ['/api/models/ada/model/discussions', { discussions: [], count: 0, start: 0 }],
    ['/-/healthz', { status: 'ok' }],
    ['/-/readyz', { ready: true, reasons: [] }],
  ])('%s', async (target, expected) => expect(await body(target)).toEqual(expected))

  it.each([
    ['GET', '/api/whoami-v2', 401],
    ['HEAD', '/api/telemetry/x', 204],
    ['GET', '/api/models/ada/model/xet-read-token/main', 404],
    ['GET', '/api/models/ada/nope/auth-check', 401],
    ['GET', '/ada/model.git/info/refs?service=git-upload-pack', 404],
    ['POST', '/ada/model/git-upload-pack', 404],
    ['GET', '/info?dataset=x', 404],
    ['GET', '/', 404],
    ['GET', '/api/nothing', 404],
    ['POST', '/api/models/ada/model/commit/main', 403],
    ['POST', '/api/models/ada/model/preupload/main', 403],
    ['POST', '/api/repos/create', 403],
    ['DELETE', '/api/repos/delete', 403],
    ['PUT', '/-/api/status', 405],
    ['TRACE', '/ada/model/resolve/main/config.json', 405],
  ])('%s %s is %i', async (method, target, status) => {
    const reply = await api(target, { method, ...(method === 'POST' ? { body: 'x'.repeat(100) } : {}) })
    expect(reply.status).toBe(status)
  })

  it('explains why it takes no writes, and no git', async () => {
    const write = await api('/api/models/ada/model/commit/main', { method: 'POST', body: '{}' })
    expect(write.headers['x-error-message']).toContain('read-only')
    const git = await api('/ada/model/info/refs?service=git-upload-pack')
    expect(git.body.toString()).toContain('hf download')
  })

  it('knows nobody without a token, and everybody with one', async () => {
    const reply = await api('/api/whoami-v2', { headers: { authorization: 'Bearer hf_x' } })
    expect(reply.json()).toMatchObject({ name: 'hubmesh', orgs: [], auth: { accessToken: { role: 'read' } } })
  })

  it('is not ready while the node is not, and says why', async () => {
    running.status.ready = { ready: false, reasons: ['no peer yet'] }
    const reply = await api('/-/readyz')
    expect([reply.status, reply.json()]).toEqual([503, { ready: false, reasons: ['no peer yet'] }])
    expect(await body('/-/api/status')).toMatchObject({ peerId: '12D3KooWTest', ready: { ready: false } })
    running.status.ready = { ready: true, reasons: [] }
  })

  it('gives a request back its own id', async () => {
    const reply = await api('/-/healthz', { headers: { 'X-Amzn-Trace-Id': 'abc-123' } })
    expect(reply.headers['x-request-id']).toBe('abc-123')
  })
})
