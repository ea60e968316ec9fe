import { type RepoRef, sha256Of } from '@hubmesh/content'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { type Reply, ask } from './support/http.ts'

const MODEL: RepoRef = { type: 'model', id: 'ada/model' }
const BATCH = '/ada/model.git/info/lfs/objects/batch'

let running: RunningGateway

beforeAll(async () => {
  running = await startGateway({ aliases: { short: MODEL } })
  running.library.add(MODEL, {
    commits: [
      { files: { 'w.bin': 'old weights' }, title: 'first' },
      { files: { 'w.bin': 'new weights', 'a 日/x#?.bin': 'odd name' }, title: 'second' },
    ],
    aliases: ['ada/old'],
  })
  running.library.add({ type: 'dataset', id: 'table' }, { commits: [{ files: { 't.bin': 'rows' } }] })
})
afterAll(async () => running.gateway.stop())

const object = (content: string) => ({ oid: sha256Of(Buffer.from(content)) as string, size: content.length })
const post = (target: string, body: unknown): Promise<Reply> =>
  ask(running.url, target, {
    method: 'POST',
    headers: { accept: 'application/vnd.git-lfs+json', 'content-type': 'application/vnd.git-lfs+json; charset=utf-8' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const download = (target: string, objects: unknown[], more: object = {}): Promise<Reply> =>
  post(target, { operation: 'download', transfers: ['lfs-standalone-file', 'basic'], objects, ...more })

interface BatchAnswer {
  readonly transfer: string
  readonly objects: readonly {
    readonly oid: string
    readonly size: number
    readonly authenticated?: boolean
    readonly actions?: { readonly download: { readonly href: string } }
    readonly error?: { readonly code: number; readonly message: string }
  }[]
}

describe('the LFS batch API', () => {
  it.each([
    [BATCH, 'new weights'],
    ['/ada/model/info/lfs/objects/batch', 'odd name'],
    ['/models/ada/model.git/info/lfs/objects/batch', 'old weights'],
    ['/datasets/table.git/info/lfs/objects/batch', 'rows'],
    ['/short.git/info/lfs/objects/batch', 'new weights'],
    ['/ada/old.git/info/lfs/objects/batch', 'new weights'],
  ])('%s tells where an object is, whole and in part', async (target, content) => {
    const reply = await download(target, [object(content)])
    expect([reply.status, reply.headers['content-type']]).toEqual([200, 'application/vnd.git-lfs+json'])
    const { transfer, objects } = reply.json() as BatchAnswer
    const [found] = objects
    expect({ transfer, ...found }).toMatchObject({ transfer: 'basic', ...object(content), authenticated: true })
    const href = found?.actions?.download.href ?? ''
    expect(href.startsWith(running.url)).toBe(true)
    const path = href.slice(running.url.length)
    expect((await ask(running.url, path)).body.toString()).toBe(content)
    const part = await ask(running.url, path, { headers: { range: 'bytes=2-' } })
    expect([part.status, part.body.toString()]).toEqual([206, content.slice(2)])
  })

  it('tells of each object by itself what is wrong with it', async () => {
    const wanted = [object('nowhere'), object('rows'), { oid: 'x', size: 1 }, { ...object('new weights'), size: 5 }]
    const { objects } = (await download(BATCH, [...wanted, object('odd name')])).json() as BatchAnswer
    expect(objects.map(({ error }) => error?.code)).toEqual([404, 404, 422, 422, undefined])
    expect(objects.map(({ oid }) => oid)).toEqual([...wanted.map(({ oid }) => oid), object('odd name').oid])
  })

  it('takes a ref, known or not', async () => {
    for (const name of ['refs/heads/main', 'refs/heads/none']) {
      const reply = await download(BATCH, [object('new weights')], { ref: { name } })
      expect((reply.json() as BatchAnswer).objects[0]?.actions).toBeDefined()
    }
  })

  it.each([
    [{ operation: 'upload', objects: [] }, 403],
    [{ operation: 'download', objects: [], hash_algo: 'sha512' }, 409],
    [{ operation: 'download', objects: Array.from({ length: 1001 }, () => object('x')) }, 413],
    [{ operation: 'download' }, 422],
    ['not json', 422],
    ['null', 422],
  ])('refuses what it does not do', async (body, status) => {
    const reply = await post(BATCH, body)
    expect(reply.status).toBe(status)
    expect((reply.json() as { message: string }).message).not.toBe('')
  })

  it('never asks for a password, and is not for GET', async () => {
    expect((await download('/ada/none.git/info/lfs/objects/batch', [object('x')])).status).toBe(404)
    expect((await ask(running.url, BATCH)).headers.allow).toBe('POST')
  })

  it('does not say that there is nothing where it is not known yet', async () => {
    running.library.hide(MODEL, 1_000)
    const reply = await download(BATCH, [object('new weights')])
    expect([reply.status, Number(reply.headers['retry-after']) > 0]).toEqual([429, true])
    running.library.hide(MODEL, 0)
  })
})
