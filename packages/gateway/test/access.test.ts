import type { RepoRef } from '@hubmesh/content'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { ask } from './support/http.ts'

const MODEL: RepoRef = { type: 'model', id: 'ada/model' }
const FILE = '/ada/model/resolve/main/x.txt'

let closed: RunningGateway
let open: RunningGateway

beforeAll(async () => {
  closed = await startGateway()
  open = await startGateway({ hosts: ['mirror.office'], origins: ['https://app.example'] })
  for (const { library } of [closed, open]) library.add(MODEL, { commits: [{ files: { 'x.txt': 'bytes' } }] })
})
afterAll(async () => {
  await closed.gateway.stop()
  await open.gateway.stop()
})

const statusOf = async (running: RunningGateway, headers: Record<string, string>, target = FILE): Promise<number> =>
  (await ask(running.url, target, { headers })).status

describe('Host', () => {
  it.each([
    ['localhost', 200],
    ['LOCALHOST:8642', 200],
    ['datasets-server.localhost', 200],
    ['127.0.0.1:1', 200],
    ['127.9.9.9', 200],
    ['[::1]:8642', 200],
    ['localhost.', 200],
    ['evil.example', 421],
    ['127.0.0.1.evil.example', 421],
    ['localhost.evil.example', 421],
    ['mirror.office', 421],
    ['10.0.0.1', 421],
    ['localhost@evil.example', 421],
    ['localhost/x', 421],
  ])('%s -> %i', async (host, status) => expect(await statusOf(closed, { host })).toBe(status))

  it('may be a name of the config', async () => {
    expect(await statusOf(open, { host: 'mirror.office:8642' })).toBe(200)
    expect(await statusOf(open, { host: 'a.mirror.office' })).toBe(421)
  })

  it('holds for every path', async () => {
    expect(await statusOf(closed, { host: 'evil.example' }, '/-/api/status')).toBe(421)
    expect(await statusOf(closed, { host: 'evil.example' }, '/api/models')).toBe(421)
  })
})

describe('pages of other origins', () => {
  it.each([
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: 'http://localhost:1' }, 403],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, 403],
    [{ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }, 403],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 200],
    [{ 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }, 200],
    [{ 'sec-fetch-site': 'none' }, 200],
  ])('%o -> %i', async (headers, status) => expect(await statusOf(closed, headers)).toBe(status))

  it('may read where the config allows their origin, but not the pages of the node', async () => {
    const headers = { origin: 'https://app.example' }
    const reply = await ask(open.url, FILE, { headers })
    expect(reply.status).toBe(200)
    expect(reply.headers).toMatchObject({ 'access-control-allow-origin': 'https://app.example', vary: 'Origin' })
    expect(reply.headers['access-control-expose-headers']).toContain('X-Repo-Commit')
    const own = await ask(open.url, '/-/api/status', { headers })
    expect([own.status, own.headers['access-control-allow-origin']]).toEqual([403, undefined])
    const missing = await ask(open.url, '/ada/model/resolve/main/no.txt', { headers })
    expect([missing.status, missing.headers['access-control-allow-origin']]).toEqual([404, 'https://app.example'])
  })

  it('get no CORS header otherwise', async () => {
    for (const running of [open, closed]) {
      const reply = await ask(running.url, FILE, { headers: { origin: 'https://evil.example' } })
      expect(reply.status).toBe(403)
      expect(Object.keys(reply.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
  })

  it('are told by a preflight', async () => {
    const preflight = (origin: string) =>
      ask(open.url, FILE, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'GET' } })
    const allowed = await preflight('https://app.example')
    expect(allowed.status).toBe(204)
    expect(allowed.headers).toMatchObject({
      'access-control-allow-methods': 'GET, HEAD, POST',
      'access-control-allow-headers': 'authorization, range, content-type',
    })
    expect((await preflight('https://evil.example')).status).toBe(403)
    expect((await ask(closed.url, FILE, { method: 'OPTIONS' })).status).toBe(204)
  })
})

describe('Authorization', () => {
  it('is ignored: people are logged in to the real Hub', async () =>
    expect(await statusOf(closed, { authorization: 'Bearer hf_wrong' })).toBe(200))
})
