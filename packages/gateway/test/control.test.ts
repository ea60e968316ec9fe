import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { type Control, MeshError, type NodeId, type TaskResult, isMeshError, silentLog } from '@hubmesh/content'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ControlServer, createControlServer } from '../src/index.ts'
import { never } from './support/library.ts'

const ID: NodeId = {
  peerId: '12D3KooWTest',
  publisherId: '12D3KooWTest',
  site: 'here',
  role: 'peer',
  addresses: [],
  gateway: 'http://127.0.0.1:8642',
}
const RESULT: TaskResult = { repo: 'model:o/n', revision: 'a'.repeat(40), files: 2, bytes: 3 }
const PROGRESS = { stage: 'pulling', files: 2, filesDone: 0, bytes: 3, bytesDone: 0 }
const PULL = { spec: 'o/n', include: [], exclude: [], copy: false }

let folder: string
let path: string
let server: ControlServer | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubmesh-control-'))
  path = join(folder, 'control.sock')
})
afterEach(async () => {
  await server?.stop()
  server = undefined
  await rm(folder, { recursive: true })
})

const controlWith = (change: Partial<Control>): Control => ({
  id: () => ID,
  status: () => Promise.reject(new Error('/home/me/secret cannot be read')),
  ticket: async () => 'hubmesh-ticket',
  pull: async () => RESULT,
  publish: async () => RESULT,
  ...change,
})

const serve = async (change: Partial<Control> = {}): Promise<void> => {
  server = createControlServer({ control: controlWith(change), log: silentLog }, { path })
  await server.start()
}

const call = (method: string, target: string, body?: unknown): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath: path, path: target, method, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
  })

const linesOf = (text: string): unknown[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)

describe('the control socket', () => {
  it('is for its owner alone', async () => {
    await serve()
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('answers questions with JSON', async () => {
    await serve()
    expect(JSON.parse((await call('GET', '/id')).text)).toEqual(ID)
    expect(JSON.parse((await call('GET', '/ticket')).text)).toEqual({ ticket: 'hubmesh-ticket' })
  })

  it('tells progress, then the result, line by line', async () => {
    let asked: unknown
    await serve({
      pull: async (request, { onProgress }) => {
        asked = request
        onProgress(PROGRESS)
        return RESULT
      },
    })
    const { status, text } = await call('POST', '/pull', { ...PULL, to: '/tmp/x' })
    expect(status).toBe(200)
    expect(linesOf(text)).toEqual([{ progress: PROGRESS }, { result: RESULT }])
    expect(asked).toEqual({ ...PULL, to: '/tmp/x' })
  })

  it('tells little of progress that comes fast', async () => {
    await serve({
      publish: async (_, { onProgress }) => {
        for (let done = 0; done < 10_000; done += 1) onProgress({ ...PROGRESS, bytesDone: done })
        return RESULT
      },
    })
    const { text } = await call('POST', '/publish', { directory: '/tmp', spec: 'o/n', message: '' })
    expect(linesOf(text).length).toBeLessThan(100)
    expect(linesOf(text).at(-1)).toEqual({ result: RESULT })
  })

  it('tells a failed task with its code and hint', async () => {
    await serve({ pull: () => Promise.reject(new MeshError('repo-not-found', 'no such repo', { hint: 'look again' })) })
    const { text } = await call('POST', '/pull', PULL)
    expect(linesOf(text)).toEqual([{ error: { code: 'repo-not-found', message: 'no such repo', hint: 'look again' } }])
  })

  it('tells nothing of a fault that is not for the asker', async () => {
    await serve()
    const { status, text } = await call('GET', '/status')
    expect(status).toBe(500)
    expect(text).not.toContain('secret')
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'io' } })
  })

  it('ends a task whose client has left', async () => {
    const begun = Promise.withResolvers<void>()
    const aborted = Promise.withResolvers<void>()
    await serve({
      pull: async (_, { signal }) => {
        signal.addEventListener('abort', () => aborted.resolve(), { once: true })
        begun.resolve()
        return never(signal)
      },
    })
    const request = httpRequest({ socketPath: path, path: '/pull', method: 'POST', agent: false })
    request.on('error', () => {}) // it is cut off by ourselves
    request.end(JSON.stringify(PULL))
    await begun.promise
    request.destroy()
    await aborted.promise
  })

  it('ends its tasks when it stops, and says so', async () => {
    const begun = Promise.withResolvers<void>()
    await serve({
      pull: async (_, { signal }) => {
        begun.resolve()
        return never(signal)
      },
    })
    const answer = call('POST', '/pull', PULL)
    await begun.promise
    await server?.stop()
    expect(linesOf((await answer).text)).toMatchObject([{ error: { code: 'unreachable' } }])
  })

  it.each([
    ['POST', '/pull', '{', 'bad-input'],
    ['POST', '/pull', { spec: 5 }, 'bad-input'],
    ['POST', '/pull', { ...PULL, to: 'relative' }, 'bad-input'],
    ['POST', '/publish', { directory: '/tmp' }, 'bad-input'],
    ['POST', '/pull', `"${'x'.repeat(1_100_000)}"`, 'bad-input'],
    ['GET', '/pull', undefined, 'usage'],
    ['GET', '/nothing', undefined, 'usage'],
  ])('refuses %s %s', async (method, target, body, code) => {
    await serve()
    const { status, text } = await call(method, target, body)
    expect(status).toBe(400)
    expect(JSON.parse(text)).toMatchObject({ error: { code } })
  })

  it('takes over the socket of a dead node, not of a living one', async () => {
    const dead = createServer().listen(path)
    await once(dead, 'listening')
    const living = createControlServer({ control: controlWith({}), log: silentLog }, { path })
    await expect(living.start()).rejects.toSatisfy((error) => isMeshError(error, 'busy'))
    dead.close()
    await once(dead, 'close')
    await writeFile(path, '') // a file that nobody listens at
    await serve()
    expect((await call('GET', '/id')).status).toBe(200)
  })

  it('says when the folder cannot be written', async () => {
    await chmod(folder, 0o500)
    path = join(folder, 'no', 'control.sock')
    await expect(serve()).rejects.toSatisfy((error) => isMeshError(error, 'io'))
    server = undefined
    await chmod(folder, 0o700)
  })
})
