import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type BlobStore,
  type Control,
  type FileEntry,
  type Library,
  MeshError,
  type NodeId,
  type PublishRequest,
  type Publisher,
  type PullOptions,
  type PullResult,
  type Snapshot,
  type TaskProgress,
  asGitOid,
  asSha256,
  silentLog,
} from '@hubmesh/content'
import { createControlServer } from '@hubmesh/gateway'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ControlClient, connectControl } from '../src/control-client.ts'
import { createControl } from '../src/control.ts'
import { useTempHome } from './temp-home.ts'

const home = useTempHome()
const REVISION = 'a'.repeat(40)
const SHA256 = asSha256(createHash('sha256').update('hello').digest('hex'))
const ENTRY = { path: 'a/hello.txt', size: 5, oid: asGitOid('0'.repeat(40)), sha256: SHA256 } as FileEntry
const ID: NodeId = { peerId: 'p', publisherId: 'p', site: 's', role: 'peer', addresses: [], gateway: 'http://x' }

/** A library that has one file, once it knows of it. */
const libraryOf = (answers: (options: PullOptions) => Promise<PullResult>): Library =>
  ({ pull: (_repo, _revision, options) => answers(options) }) as Partial<Library> as Library

const pulled = async ({ onProgress }: PullOptions): Promise<PullResult> => {
  const progress = { files: 1, filesDone: 1, bytes: 5, bytesDone: 5 }
  onProgress?.(progress)
  return { ...progress, entries: [ENTRY], snapshot: { revision: REVISION } as PullResult['snapshot'] }
}

const controlOf = (library: Library, origin?: Publisher): Control =>
  createControl({
    library,
    origin,
    blobs: {
      open: async () => ({ path: join(home.path, 'blob'), size: 5, readInto: async () => 0, close: async () => {} }),
    } as Partial<BlobStore> as BlobStore,
    id: () => ID,
    status: () => Promise.reject(new MeshError('io', 'no status', { hint: 'ask again' })),
    ticket: () => 'hubmesh1secret',
  })

const signal = new AbortController().signal
const request = { spec: 'owner/name', include: [], exclude: [], copy: false }

beforeEach(() => writeFile(join(home.path, 'blob'), 'hello'))

describe('control', () => {
  it('pulls and places', async () => {
    const seen: TaskProgress[] = []
    const to = join(home.path, 'to')
    const result = await controlOf(libraryOf(pulled)).pull(
      { ...request, to },
      { signal, onProgress: (progress) => seen.push(progress) },
    )
    expect(result).toEqual({ repo: 'model:owner/name', revision: REVISION, files: 1, bytes: 5, to, replaced: 0 })
    expect(seen.at(-1)).toMatchObject({ stage: 'fetching', bytesDone: 5 })
    expect(await readFile(join(to, 'a/hello.txt'), 'utf8')).toBe('hello')
  })

  it('waits for a repo that cannot be known yet, and says so', async () => {
    let asked = 0
    const seen: string[] = []
    const library = libraryOf((options) => {
      if (++asked === 1) return Promise.reject(new MeshError('not-ready', 'no catalog yet'))
      return pulled(options)
    })
    await controlOf(library).pull(request, { signal, onProgress: ({ stage }) => seen.push(stage) })
    expect(seen).toEqual(['waiting: no catalog yet', 'fetching'])
  })

  it('ends at once when the repo is not there, or the caller leaves', async () => {
    const missing = libraryOf(() => Promise.reject(new MeshError('repo-not-found', 'none')))
    await expect(controlOf(missing).pull(request, { signal, onProgress: () => {} })).rejects.toMatchObject({
      code: 'repo-not-found',
    })
    const leaving = new AbortController()
    const waiting = libraryOf(() => Promise.reject(new MeshError('not-ready', 'later')))
    const pull = controlOf(waiting).pull(request, { signal: leaving.signal, onProgress: () => leaving.abort() })
    await expect(pull).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('on a seed looks upstream first, and gives what it holds when upstream is away', async () => {
    const origin = {
      sync: () => Promise.reject(new MeshError('unreachable', 'no Hub')),
    } as Partial<Publisher> as Publisher
    const held: Library = { ...libraryOf(pulled), resolve: async () => ({}) as Partial<Snapshot> as Snapshot }
    expect(await controlOf(held, origin).pull(request, { signal, onProgress: () => {} })).toMatchObject({ files: 1 })
    const absent: Library = {
      ...libraryOf(pulled),
      resolve: () => Promise.reject(new MeshError('repo-not-found', 'none')),
    }
    await expect(controlOf(absent, origin).pull(request, { signal, onProgress: () => {} })).rejects.toMatchObject({
      code: 'unreachable',
    })
  })

  it('publishes on a seed alone, one ref at a time', async () => {
    const options = { signal, onProgress: () => {} }
    const command = { directory: '/d', spec: 'acme/own@v2', message: 'm' }
    await expect(controlOf(libraryOf(pulled)).publish(command, options)).rejects.toMatchObject({ code: 'usage' })
    const requests: PublishRequest[] = []
    const origin = {
      publish: async (asked: PublishRequest) => {
        requests.push(asked)
        return { revision: REVISION, files: 1, bytes: 5 }
      },
    } as Partial<Publisher> as Publisher
    const seed = controlOf(libraryOf(pulled), origin)
    expect(await seed.publish(command, options)).toMatchObject({ repo: 'model:acme/own', revision: REVISION })
    expect(requests).toEqual([{ directory: '/d', repo: { type: 'model', id: 'acme/own' }, ref: 'v2', message: 'm' }])
    await expect(seed.publish({ ...command, spec: 'acme/own@v*' }, options)).rejects.toMatchObject({ code: 'usage' })
  })
})

describe('the control client, over the real socket', () => {
  let stop: () => Promise<void> = async () => {}
  afterEach(() => stop())
  const serve = async (library: Library): Promise<ControlClient> => {
    await mkdir(join(home.path, 'run'), { mode: 0o700 })
    const path = join(home.path, 'run', 'control.sock')
    const server = createControlServer({ control: controlOf(library), log: silentLog }, { path })
    await server.start()
    stop = () => server.stop()
    return connectControl({ pid: process.pid, gateway: '', peerId: '', addresses: [], control: path })
  }

  it('asks, and gets errors with their code and hint', async () => {
    const node = await serve(libraryOf(pulled))
    expect(await node.id()).toEqual(ID)
    expect(await node.ticket()).toBe('hubmesh1secret')
    await expect(node.status()).rejects.toMatchObject({ code: 'io', message: 'no status', hint: 'ask again' })
  })

  it('pulls, with progress on the way', async () => {
    const node = await serve(libraryOf(pulled))
    const seen: string[] = []
    const result = await node.pull(request, { signal, onProgress: ({ stage }) => seen.push(stage) })
    expect(result).toMatchObject({ repo: 'model:owner/name', files: 1 })
    expect(seen).toEqual(['fetching'])
    await expect(node.pull({ ...request, spec: 'no such' }, { signal, onProgress: () => {} })).rejects.toMatchObject({
      code: 'bad-input',
    })
  })

  it('ends the task when the caller leaves', async () => {
    const ended = Promise.withResolvers<void>()
    const node = await serve(
      libraryOf(({ signal: inner, onProgress }) => {
        onProgress?.({ files: 1, filesDone: 0, bytes: 5, bytesDone: 0 })
        inner.addEventListener('abort', () => ended.resolve())
        return new Promise(() => {})
      }),
    )
    const leaving = new AbortController()
    const reason = new Error('enough')
    const pull = node.pull(request, { signal: leaving.signal, onProgress: () => leaving.abort(reason) })
    await expect(pull).rejects.toBe(reason)
    await ended.promise
  })

  it('says so when the node breaks off', async () => {
    const node = await serve(libraryOf(() => new Promise(() => {})))
    const pull = node.pull(request, { signal, onProgress: () => {} })
    const failed = expect(pull).rejects.toMatchObject({ code: 'unreachable' })
    await stop()
    await failed
    await expect(node.id()).rejects.toMatchObject({ code: 'unreachable', hint: expect.any(String) })
  })
})
