import { once } from 'node:events'
import { type Log, MIB, MeshError, type RepoRef, silentLog } from '@hubmesh/content'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { ask, exchange, get, parts } from './support/http.ts'
import { type Cold, never } from './support/library.ts'
import { bytesOf, patternContent } from './support/repos.ts'

const MODEL: RepoRef = { type: 'model', id: 'ada/model' }
const CONTENT = patternContent(3 * MIB + 17)

let running: RunningGateway
let files = 0
const warnings: string[] = []
const log: Log = { ...silentLog, warn: (_, message) => void warnings.push(message) }

beforeAll(async () => {
  running = await startGateway({}, log)
  const names = Array.from({ length: 20 }, (_, index) => [`${index}.bin`, CONTENT] as const)
  running.library.add(MODEL, { commits: [{ files: Object.fromEntries(names) }] })
})
afterAll(async () => {
  await running.gateway.stop()
  expect(running.library.open()).toBe(0)
})

/** A file of its own for each test, so that they can run side by side. */
const coldFile = (cold: Partial<Cold>): { path: string; target: string } => {
  const path = `${files++}.bin`
  running.library.chill(path, { chunkBytes: 256 * 1024, ...cold })
  return { path, target: `/ada/model/resolve/main/${path}` }
}

const failing = (code: 'not-ready' | 'unreachable' | 'bad-bytes', at: number, retryAfter?: number): Partial<Cold> => ({
  before: async (chunk) => {
    if (chunk >= at) throw new MeshError(code, 'it did not come', retryAfter === undefined ? {} : { retryAfter })
  },
})

describe.concurrent('a cold file', () => {
  it('streams byte for byte, whole and in part', async () => {
    const { target } = coldFile({})
    const whole = await ask(running.url, target)
    expect(whole.body.equals(bytesOf(CONTENT))).toBe(true)
    expect(whole.headers['x-mesh-source']).toBe('peer')
    const part = await ask(running.url, target, { headers: { range: 'bytes=1000000-1999999' } })
    expect(part.status).toBe(206)
    expect(part.body.equals(bytesOf(CONTENT, 1_000_000, 2_000_000))).toBe(true)
  })

  it('leaves the rest of the connection usable', async () => {
    const { target } = coldFile({})
    const both = exchange(running.port, get(target) + get('/-/healthz', ['Connection: close']))
    expect(await both.ended).toBe('fin')
    const { body } = parts(both.received())
    expect(body.subarray(0, CONTENT.size).equals(bytesOf(CONTENT))).toBe(true)
    expect(body.subarray(CONTENT.size).toString()).toContain('{"status":"ok"}')
  })

  it('is warmed by HEAD, which answers from the entry alone', async () => {
    const { path, target } = coldFile({ before: (_, signal) => never(signal) })
    const head = await ask(running.url, target, { method: 'HEAD' })
    expect([head.status, head.headers['content-length']]).toEqual([200, String(CONTENT.size)])
    expect(head.headers['x-mesh-source']).toBe('peer')
    expect(running.library.warmed).toContain(path)
  })

  it.each(['not-ready', 'unreachable', 'bad-bytes'] as const)(
    'answers 429 when %s comes before a byte',
    async (code) => {
      const { target } = coldFile(failing(code, 0, 7))
      const reply = await ask(running.url, target)
      expect([reply.status, reply.headers['retry-after']]).toEqual([429, '7'])
      expect(reply.headers['x-error-code']).toBeUndefined()
      expect(reply.headers['x-repo-commit']).toMatch(/^[0-9a-f]{40}$/)
    },
  )

  it('answers 429 while its repo is not known', async () => {
    const hidden: RepoRef = { type: 'model', id: 'ada/hidden' }
    running.library.hide(hidden, 1_000)
    const reply = await ask(running.url, '/ada/hidden/resolve/main/x')
    expect(reply.status).toBe(429)
    expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0)
  })

  it('answers 429 in time when nothing happens at all', async () => {
    const { target } = coldFile({ before: (_, signal) => never(signal) })
    const began = performance.now()
    const reply = await ask(running.url, target)
    expect(reply.status).toBe(429)
    expect(performance.now() - began).toBeLessThan(9_900)
  })

  it('ends with FIN, short of its length, when bytes stop coming', async () => {
    const { target } = coldFile(failing('unreachable', 4))
    const raw = exchange(running.port, get(target))
    expect(await raw.ended).toBe('fin')
    const { head, body } = parts(raw.received())
    expect(head).toContain(`Content-Length: ${CONTENT.size}`)
    expect(body.equals(bytesOf(CONTENT, 0, 4 * 256 * 1024))).toBe(true)
    expect(warnings).toContainEqual(expect.stringContaining('ends short'))
  })

  it('ends with FIN also when the next request waits behind it', async () => {
    const { target } = coldFile(failing('unreachable', 2))
    const raw = exchange(running.port, get(target) + get('/-/healthz'))
    expect(await raw.ended).toBe('fin')
    expect(parts(raw.received()).body.equals(bytesOf(CONTENT, 0, 2 * 256 * 1024))).toBe(true)
  })

  it('lets no 10 s pass without a byte while a chunk is on its way', async () => {
    const arrival = Promise.withResolvers<void>()
    const { target } = coldFile({ before: (chunk) => (chunk === 1 ? arrival.promise : Promise.resolve()) })
    const raw = exchange(running.port, get(target, ['Connection: close']))
    // All of the first chunk but its held tail comes at once, then a little now and then.
    await raw.until(192 * 1024)
    for (const _ of [1, 2]) {
      const before = raw.received().length
      const began = performance.now()
      await raw.until(before + 1)
      expect(performance.now() - began).toBeLessThan(8_000)
      expect(parts(raw.received()).body.length).toBeLessThan(256 * 1024)
    }
    arrival.resolve()
    expect(await raw.ended).toBe('fin')
    expect(parts(raw.received()).body.equals(bytesOf(CONTENT))).toBe(true)
  })

  it('is no longer read once the client has left', async () => {
    const left = Promise.withResolvers<void>()
    const { target } = coldFile({
      before: async (chunk, signal) => {
        if (chunk < 2) return
        signal.addEventListener('abort', () => left.resolve(), { once: true })
        await never(signal)
      },
    })
    const raw = exchange(running.port, get(target))
    await raw.until(256 * 1024)
    raw.socket.destroy()
    await left.promise
  })

  it('is closed when it opens after the client has left', async () => {
    const opening = Promise.withResolvers<void>()
    const { target } = coldFile({ opening: opening.promise })
    const raw = exchange(running.port, get('/-/healthz') + get(target))
    await raw.until(100)
    raw.socket.destroy()
    await once(raw.socket, 'close')
    // The gateway has seen it go once it has answered somebody who came later.
    await ask(running.url, '/-/healthz')
    opening.resolve()
  })

  it('is never sent with more than its length', async () => {
    const { target } = coldFile({ tooMany: 100_000 })
    const raw = exchange(running.port, get(target, ['Range: bytes=0-299999']))
    expect(await raw.ended).toBe('fin')
    expect(parts(raw.received()).body.length).toBeLessThanOrEqual(300_000)
  })
})
