import { chunkCid, sha256Of } from '@hubmesh/content'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseRoute } from '../src/http/parse-route.ts'
import type { Route } from '../src/http/route.ts'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { type Reply, ask } from './support/http.ts'

const CHUNK = chunkCid(sha256Of(Buffer.from('{}')))
/** Of each kind of route that there is, what to ask for: one that is there, and where that can be, one that is not. */
const TARGETS: Readonly<Record<Route['kind'], readonly string[]>> = {
  resolve: ['/ada/model/resolve/main/c.json', '/ada/model/resolve/v1/c.json', '/ada/model/resolve/main/no'],
  raw: ['/ada/model/raw/main/c.json', '/ada/model/raw/main/w.bin', '/ada/model/raw/no/c.json'],
  plain: ['/models/ada/model/w.bin', '/models/ada/model/empty.txt', '/models/ada/model/no'],
  sums: ['/ada/model/SHA256SUMS', '/ada/model/SHA256SUMS?revision=no'],
  info: ['/api/models/ada/model', '/api/models/ada/model/revision/v1?blobs=true', '/api/models/ada/no'],
  tree: ['/api/models/ada/model/tree/main?recursive=true', '/api/models/ada/model/tree/main/no'],
  'paths-info': ['/api/models/ada/model/paths-info/main'],
  refs: ['/api/models/ada/model/refs', '/api/models/ada/no/refs'],
  commits: ['/api/models/ada/model/commits/main', '/api/models/ada/no/commits/main'],
  list: ['/api/models', '/api/spaces?limit=1'],
  'auth-check': ['/api/models/ada/model/auth-check', '/api/models/ada/no/auth-check'],
  discussions: ['/api/models/ada/model/discussions'],
  'xet-token': ['/api/models/ada/model/xet-read-token/main'],
  whoami: ['/api/whoami-v2'],
  'agent-harnesses': ['/api/agent-harnesses'],
  telemetry: ['/api/telemetry/x'],
  healthz: ['/-/healthz'],
  readyz: ['/-/readyz'],
  status: ['/-/api/status'],
  metrics: ['/-/metrics'],
  openapi: ['/-/api/openapi.json'],
  'check-update': [
    '/-/api/repos/models/ada/model/check-update',
    '/models/ada/model/check-update?revision=v1',
    '/models/ada/no/check-update',
  ],
  'lfs-batch': ['/ada/model.git/info/lfs/objects/batch'],
  ipfs: ['/ipfs/bafkqaaa?format=raw', '/ipfs/no', `/ipfs/${CHUNK}?format=raw`],
  git: ['/ada/model/info/refs?service=git-upload-pack'],
  'no-repo': ['/kernels/a/b/resolve/main/x'],
  unknown: ['/', '/-/no', '/api/no'],
}
const ALL = Object.entries(TARGETS).flatMap(([kind, targets]) => targets.map((target) => [kind, target] as const))

let running: RunningGateway

beforeAll(async () => {
  running = await startGateway({ origins: ['https://app.example'] })
  running.library.add(
    { type: 'model', id: 'ada/model' },
    {
      commits: [
        { files: { 'c.json': '{"old": 1}' }, title: 'first' },
        { files: { 'c.json': '{}', 'w.bin': 'lfs bytes', 'empty.txt': '' }, title: 'second' },
      ],
      refs: { main: 1, 'refs/tags/v1': 0 },
      aliases: ['ada/old'],
    },
  )
})
afterAll(async () => running.gateway.stop())

const get = (target: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> =>
  ask(running.url, target, { method, headers })

const told = ({ status, headers }: Reply): unknown => {
  const { date: _, 'x-mesh-age': __, ...rest } = headers
  return { status, ...rest }
}

/** What has been counted and used meanwhile is longer, or shorter. */
const toldOf = (kind: string, reply: Reply): unknown =>
  kind === 'metrics' ? { ...(told(reply) as object), 'content-length': expect.any(String) } : told(reply)

describe.each(ALL)('%s %s', (kind, target) => {
  it('is of that kind', () => expect(parseRoute(target).kind).toBe(kind))

  it.each<[string, Record<string, string>]>([
    ['', {}],
    [' with a range', { range: 'bytes=0-3' }],
    [' with a range past the end', { range: 'bytes=99999-' }],
    [' with a token', { authorization: 'Bearer hf_x' }],
    [' for another page', { origin: 'https://app.example' }],
  ])('HEAD%s says what GET says, without the body', async (_, headers) => {
    const [whole, head] = [await get(target, headers), await get(target, headers, 'HEAD')]
    expect(told(head)).toEqual(toldOf(kind, whole))
    expect(head.body).toHaveLength(0)
    if (whole.status !== 304) expect(Number(whole.headers['content-length'] ?? 0)).toBe(whole.body.length)
  })

  it('is not sent again to whom has it', async () => {
    const { etag } = (await get(target)).headers
    if (etag === undefined) return
    for (const method of ['GET', 'HEAD']) {
      for (const tag of [etag, `"other", ${etag}`, '*']) {
        const reply = await get(target, { 'if-none-match': tag, range: 'bytes=0-0' }, method)
        expect([reply.status, reply.headers.etag, reply.body.length]).toEqual([304, etag, 0])
      }
      expect((await get(target, { 'if-none-match': '"other"' }, method)).status).toBe(200)
    }
  })

  it('refuses pages of other origins, and writes', async () => {
    expect((await get(target, { origin: 'https://evil.example' })).status).toBe(403)
    const reply = await get(target, {}, 'DELETE')
    expect([403, 404, 405]).toContain(reply.status)
    expect(reply.headers['x-error-message'] ?? reply.body.toString()).not.toBe('')
  })
})

it('every answer that succeeds and does not change by itself has a tag', async () => {
  for (const [kind, target] of ALL) {
    const reply = await get(target, { authorization: 'Bearer hf_x' })
    if (reply.status !== 200 || ['status', 'metrics', 'whoami'].includes(kind)) continue
    expect([target, reply.headers.etag]).toEqual([target, expect.stringMatching(/^(W\/)?"[0-9a-z.]{12,64}"$/)])
  }
})

it.each([
  '/ada/old/resolve/main/c.json?download=true',
  '/ada/old/raw/main/c.json',
  '/models/ada/old/c.json?revision=v1',
  '/ada/old/SHA256SUMS',
  '/api/models/ada/old',
  '/api/models/ada/old/revision/refs%2Ftags%2Fv1?expand=sha',
  '/api/models/ada/old/tree/main/a%2Fb?recursive=true',
  '/api/models/ada/old/refs?include_prs=1',
  '/api/models/ada/old/commits/main?limit=1',
  '/api/models/ada/old/auth-check',
  '/models/ada/old/check-update?revision=main',
  '/-/api/repos/models/ada/old/check-update',
])('an old name leads to the new one: %s', async (target) => {
  const reply = await get(target)
  expect([reply.status, reply.headers.location]).toEqual([307, target.replace('ada/old', 'ada/model')])
})
