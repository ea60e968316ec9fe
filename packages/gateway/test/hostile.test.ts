import type { RepoRef } from '@hubmesh/content'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { ask, exchange, get } from './support/http.ts'

const MODEL: RepoRef = { type: 'model', id: 'ada/model' }

let running: RunningGateway

beforeAll(async () => {
  running = await startGateway()
  running.library.add(MODEL, { commits: [{ files: { 'config.json': '{}', 'a/b.bin': 'bytes' } }] })
})
afterAll(async () => running.gateway.stop())

// By the thousand and at random, a real node is sent nonsense in test/fuzz.
describe('a gateway that is sent nonsense', () => {
  it('refuses a header that is too long with 431, by FIN', async () => {
    const raw = exchange(running.port, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`)
    expect(await raw.ended).toBe('fin')
    expect(raw.received().toString()).toContain(' 431 ')
  })

  it('refuses nonsense of any length with 400, by FIN', async () => {
    const raw = exchange(running.port, `${'\0'.repeat(100)}\r\n\r\n`)
    for (let part = 0; part < 20; part += 1) raw.socket.write(Buffer.alloc(100_000, 'z'))
    raw.socket.end()
    expect(await raw.ended).toBe('fin')
    expect(raw.received().toString()).toContain(' 400 ')
  })

  it('says that it is no proxy', async () => {
    const raw = exchange(running.port, 'CONNECT huggingface.co:443 HTTP/1.1\r\nHost: huggingface.co:443\r\n\r\n')
    raw.socket.write(Buffer.alloc(1_000_000))
    expect(await raw.ended).toBe('fin')
    expect(raw.received().toString()).toMatch(/^HTTP\/1\.1 400 [^]*HF_ENDPOINT/)
  })

  it('says that an address has to be encoded', async () => {
    const raw = exchange(running.port, get('/models/ada/model/模型.txt'))
    expect(await raw.ended).toBe('fin')
    expect(raw.received().toString()).toMatch(/^HTTP\/1\.1 400 [^]*percent-encoded/)
  })

  it('answers an upload of any size before it is read', async () => {
    const body = Buffer.alloc(8_000_000)
    const reply = await ask(running.url, '/api/models/ada/model/commit/main', { method: 'POST', body })
    expect(reply.status).toBe(403)
  })
})
