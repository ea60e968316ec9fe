import { type Log, type RepoRef, silentLog } from '@hubmesh/content'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { ask, exchange } from './support/http.ts'

const MODEL: RepoRef = { type: 'model', id: 'ada/model' }
const ROUNDS = 4_000
const TOGETHER = 32

let running: RunningGateway
const faults: unknown[] = []
const log: Log = { ...silentLog, error: (fields) => void faults.push(fields) }

beforeAll(async () => {
  running = await startGateway({}, log)
  running.library.add(MODEL, { commits: [{ files: { 'config.json': '{}', 'a/b.bin': 'bytes' } }] })
})
afterAll(async () => running.gateway.stop())

/** Reproducible noise: a failing round is found again by its seed. */
const noise = (seed: number) => {
  let state = (seed * 2_654_435_761 + 1) >>> 0
  const below = (bound: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
  const one = <T>(items: readonly T[]): T => items[below(items.length)] as T
  return { below, one }
}

const PIECES = [
  'api models datasets ada model resolve raw tree revision refs commits main - .. . %2e%2e %2F %00 % %zz %C0%AF'.split(
    ' ',
  ),
  'C: a/b.bin config.json paths-info healthz api/status constructor __proto__ SHA256SUMS info/refs ? # & ='.split(' '),
  '%F0%9F%98%80 \\ ?cursor=-1 ?limit=99999999999 ?expand=x ?revision=%00'.split(' '),
  ['', `x${'y'.repeat(300)}`, 'z'.repeat(5000)],
].flat()
const SOUND = [
  '/ada/model/resolve/main/config.json',
  '/api/models/ada/model/tree/main/a?recursive=true',
  '/api/models/ada/model/revision/main?expand=sha',
  '/api/models/ada/model/paths-info/main',
  '/models/ada/model/a/b.bin',
  '/api/models?search=a&limit=2',
]
const METHODS = [
  'GET',
  'GET',
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'TRACE',
  'PROPFIND',
  'FOO',
  '',
]
const HEADERS = [
  'Range: bytes=0-0',
  'Range: bytes=-',
  `Range: bytes=${'9'.repeat(400)}-`,
  `Range: bytes=${'0-1,'.repeat(500)}`,
  'If-None-Match: *',
  `If-None-Match: ${'"a",'.repeat(500)}`,
  'If-Range: "x"',
  'Content-Type: application/json',
  'Content-Type: application/x-www-form-urlencoded',
  'Content-Type: multipart/form-data; boundary=x',
  'Content-Length: 5',
  'Content-Length: 99999999999',
  'Content-Length: -1',
  'Transfer-Encoding: chunked',
  'Expect: 100-continue',
  'Upgrade: websocket',
  'Connection: upgrade',
  'Host: evil.example',
  'Origin: null',
  'X-Amzn-Trace-Id: \u00ff\u0001',
  'bad header',
  `X-Long: ${'x'.repeat(30_000)}`,
]
const BODIES = [
  '',
  '',
  '{"paths":["a/b.bin"]}',
  'paths=a&paths=b',
  '5\r\nhello\r\n0\r\n\r\n',
  '\u0000\u0001\u0002',
  'GET / HTTP/1.1\r\n\r\n',
]

const wild = ({ below, one }: ReturnType<typeof noise>): string =>
  Array.from({ length: below(8) }, () => `/${one(PIECES)}`).join('')

/** A sound target, or one with noise at some place. */
const bent = (target: string, { below, one }: ReturnType<typeof noise>): string => {
  const at = below(target.length)
  return below(3) === 0 ? target : target.slice(0, at) + one(PIECES) + target.slice(at + below(4))
}

const randomRequest = (seed: number): string => {
  const { below, one } = noise(seed)
  const target = below(2) === 0 ? bent(one(SOUND), { below, one }) : wild({ below, one })
  const headers = Array.from({ length: below(4) }, () => one(HEADERS))
  const version = below(20) === 0 ? one(['HTTP/1.0', 'HTTP/9', '', 'HTTP/1.1\u0000']) : 'HTTP/1.1'
  const host = below(20) === 0 ? [] : ['Host: localhost']
  const head = [`${one(METHODS)} ${target} ${version}`, ...host, ...headers, 'Connection: close', '', '']
  return head.join(below(50) === 0 ? '\n' : '\r\n') + one(BODIES)
}

/** The status that came, `closed` without one, or how it went wrong. A client that sends half a request hangs up. */
const send = async (seed: number): Promise<string> => {
  const raw = exchange(running.port, Buffer.from(randomRequest(seed), 'latin1'))
  raw.socket.setTimeout(500, () => raw.socket.end())
  await Promise.race([raw.ended, new Promise((resolve) => raw.socket.once('close', resolve))])
  raw.socket.destroy()
  const answer = raw.received().toString('latin1')
  return answer === '' ? 'closed' : (/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'no HTTP')
}

describe('a gateway that is sent nonsense', () => {
  it(`answers or refuses ${ROUNDS} malformed requests, and stands`, { timeout: 120_000 }, async () => {
    const seen = new Map<string, number>()
    for (let seed = 0; seed < ROUNDS; seed += TOGETHER) {
      const round = Array.from({ length: TOGETHER }, (_, index) => seed + index)
      for (const status of await Promise.all(round.map(send))) seen.set(status, (seen.get(status) ?? 0) + 1)
    }
    const statuses = [...seen.keys()]
    expect(statuses.filter((status) => status.startsWith('5') || status === 'no HTTP')).toEqual([])
    expect(faults).toEqual([])
    // It was not all refused at the door.
    for (const status of ['200', '400', '401', '403', '404', '405']) expect(statuses).toContain(status)
    expect((await ask(running.url, '/ada/model/resolve/main/a/b.bin')).body.toString()).toBe('bytes')
  })

  it('refuses a header that is too long with 431, by FIN', async () => {
    const raw = exchange(running.port, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`)
    expect(await raw.ended).toBe('fin')
    expect(raw.received().toString()).toContain(' 431 ')
  })

  it('answers an upload of any size before it is read', async () => {
    const body = Buffer.alloc(8_000_000)
    const reply = await ask(running.url, '/api/models/ada/model/commit/main', { method: 'POST', body })
    expect(reply.status).toBe(403)
  })
})
