import { decodeHistory, isFile } from '@hubmesh/content'
import { type SampleHub, buildRepo, createMemoryStore, createSampleHub } from '@hubmesh/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Room, type RoomOptions, createRoom, expectExact } from './room.ts'

const MIB = 1024 * 1024
const TOKEN = 'hf_sample'

let hub: SampleHub
let stack: AsyncDisposableStack

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  hub = stack.use(
    await createSampleHub({ tokens: { [TOKEN]: { name: 'ann', repos: ['o/secret'] }, hf_other: { name: 'bob' } } }),
  )
})
afterEach(() => stack.disposeAsync())

const open = async (options: RoomOptions = {}): Promise<Room> => stack.use(await createRoom(hub.url, options))

describe('a first sync', () => {
  test.each(['owner/name', 'no-namespace', 'dataset:owner/data', 'space:owner/app'])(
    'of %s is byte-exact',
    async (name) => {
      await hub.addRepo(name, { files: buildRepo({ seed: name }), info: { pipeline_tag: 'text-generation' } })
      const room = await open({ segmentBytes: MIB })
      await room.sync(name)
      await expectExact(room, hub, { name })
      const { manifest, entries } = await room.revision(name)
      expect(manifest.info).toMatchObject({ sha: manifest.revision, pipeline_tag: 'text-generation', gated: false })
      expect(manifest.info).not.toHaveProperty('siblings')
      expect(manifest.commit).toMatchObject({ id: manifest.revision, title: 'Initial commit' })
      expect(manifest.upstream).toBe(hub.url)
      expect(entries.some((entry) => !isFile(entry) && entry.path === 'deep/er')).toBe(true)
      const offer = await room.offer(name)
      expect(offer).toMatchObject({ defaultBranch: 'main' })
      expect(offer?.job).toBeUndefined()
      expect([...room.provided]).toEqual([offer?.refs['main']?.manifest])
    },
  )

  test('takes one copy of bytes that several paths have, and none of an empty file', async () => {
    const big = { seed: 'same', size: 3 * MIB }
    await hub.addRepo('o/n', { files: { 'a.bin': big, 'b/c.bin': big, 'one.txt': 'x', 'two.txt': 'x', 'no.txt': '' } })
    const room = await open()
    await room.sync('o/n')
    await expectExact(room, hub, { name: 'o/n' })
    expect(room.upstreamBytes()).toBe(3 * MIB + 1)
    expect(room.upstreamBytes()).toBe(hub.bodyBytes)
  })

  test('reads a listing of many pages, and a large file in several ranges', async () => {
    const files = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`many/${at}.txt`, `text ${at}`]))
    const small = stack.use(await createSampleHub({ pageSize: 7 }))
    await small.addRepo('o/n', { files: { ...files, 'big.bin': { seed: 1, size: 5 * MIB + 1 } } })
    const room = stack.use(await createRoom(small.url, { segmentBytes: MIB }))
    await room.sync('o/n')
    await expectExact(room, small, { name: 'o/n' })
    expect(small.requests.filter(({ route }) => route === 'cdn')).toHaveLength(6)
    expect(small.requests.filter(({ route, url }) => route === 'resolve' && url.includes('big.bin'))).toHaveLength(1)
  })

  test('lists the repo as being pulled until it is offered', async () => {
    await hub.addRepo('o/n', { files: { 'a.bin': { seed: 1, size: 100_000 } } })
    const room = await open()
    hub.faults.add({ kind: 'delay', ms: 100, on: 'cdn' })
    const syncing = room.sync('o/n')
    await expect.poll(() => room.offer('o/n')).toMatchObject({ refs: {}, revisions: {}, job: { state: 'pulling' } })
    await syncing
    expect((await room.offer('o/n'))?.job).toBeUndefined()
  })

  test('reports progress that adds up', async () => {
    await hub.addRepo('o/n', { files: buildRepo({ seed: 1 }) })
    const room = await open()
    const seen: { stage: string; files: number; filesDone: number; bytes: number; bytesDone: number }[] = []
    await room.origin.sync(
      { type: 'model', id: 'o/n' },
      {
        signal: new AbortController().signal,
        onProgress: (progress) => seen.push(progress),
      },
    )
    expect(new Set(seen.map(({ stage }) => stage))).toEqual(new Set(['resolving', 'pulling', 'publishing']))
    const last = seen.at(-1)
    expect(last).toMatchObject({ files: hub.source('o/n').size, filesDone: hub.source('o/n').size })
    expect(last?.bytesDone).toBe(last?.bytes)
    expect(last?.bytes).toBe([...hub.source('o/n').values()].reduce((sum, { size }) => sum + size, 0))
  })
})

describe('a later sync', () => {
  test('asks one question where nothing is new, and announces nothing', async () => {
    await hub.addRepo('o/n', { files: { 'a.txt': 'a' } })
    const room = await open()
    await room.sync('o/n')
    hub.resetCounters()
    const before = room.announced.length
    await room.sync('o/n')
    expect(hub.requests).toHaveLength(1)
    expect(room.announced).toHaveLength(before)
  })

  test('pulls only what changed, and keeps the last revision and the history', async () => {
    const first = await hub.addRepo('o/n', {
      files: { 'big.bin': { seed: 1, size: 2 * MIB }, 'small.txt': 'first', 'gone.txt': 'gone' },
    })
    const room = await open()
    await room.sync('o/n')
    const second = await hub.commit(
      'o/n',
      { 'small.txt': 'second!', 'gone.txt': null, 'new.bin': { seed: 2, size: 1000 } },
      { message: 'Change\n\nsome files' },
    )
    const before = room.upstreamBytes()
    await room.sync('o/n')
    await expectExact(room, hub, { name: 'o/n' })
    expect(room.upstreamBytes() - before).toBe('second!'.length + 1000)
    const offer = await room.offer('o/n')
    expect(Object.keys(offer?.revisions ?? {}).sort()).toEqual([first, second].sort())
    const { manifest } = await room.revision('o/n')
    expect(manifest.parent).toBe(first)
    const history = await room.blocks.get(offer!.history!['main']!)
    expect(decodeHistory(history!.bytes).map(({ id, title }) => [id, title])).toEqual([
      [second, 'Change'],
      [first, 'Initial commit'],
    ])
  })

  test('takes bytes that another repo has brought already from this disk', async () => {
    const big = { seed: 7, size: 3 * MIB }
    await hub.addRepo('o/one', { files: { 'a.bin': big } })
    await hub.addRepo('o/two', { files: { 'b.bin': big } })
    const room = await open()
    await room.sync('o/one')
    const before = room.upstreamBytes()
    await room.sync('o/two')
    await expectExact(room, hub, { name: 'o/two' })
    expect(room.upstreamBytes()).toBe(before)
  })

  test('goes on from its own catalog after a start, and fetches again what the disk has lost', async () => {
    await hub.addRepo('o/n', { files: { 'a.bin': { seed: 1, size: 200_000 } } })
    const before = await open()
    await before.sync('o/n')
    await hub.commit('o/n', { 'b.txt': 'b' })
    const { blobs } = createMemoryStore()
    const after = await open({ store: { ...before, blobs }, signer: before.signer })
    await after.sync('o/n')
    await expectExact(after, hub, { name: 'o/n' })
    expect(Object.keys((await after.offer('o/n'))?.revisions ?? {})).toHaveLength(2)
    expect(after.upstreamBytes()).toBe(200_001)
  })

  test('keeps 20 revisions, and withdraws the older ones', async () => {
    await hub.addRepo('o/n', { files: { 'a.txt': 'start' } })
    const room = await open()
    const tagged = hub.sha('o/n')
    hub.tag('o/n', 'v1')
    await room.sync('o/n@v1')
    for (let at = 0; at < 22; at += 1) {
      await hub.commit('o/n', { 'a.txt': `text ${at}` })
      await room.sync('o/n')
    }
    const offer = await room.offer('o/n')
    expect(Object.keys(offer?.revisions ?? {})).toHaveLength(21)
    expect(offer?.revisions).toHaveProperty(hub.sha('o/n'))
    expect(offer?.revisions).toHaveProperty(tagged)
    expect(room.provided).toEqual(new Set(Object.values(offer?.revisions ?? {})))
  })

  test('never mixes commits when the branch moves meanwhile', async () => {
    const first = await hub.addRepo('o/n', { files: { 'a.bin': { seed: 1, size: 300_000 }, 'b.txt': 'one' } })
    const room = await open()
    hub.faults.add({ kind: 'delay', ms: 150, on: 'cdn', times: 1 })
    const syncing = room.sync('o/n')
    await expect.poll(() => hub.requests.some(({ route }) => route === 'cdn')).toBe(true)
    await hub.commit('o/n', { 'a.bin': { seed: 2, size: 300_000 }, 'b.txt': 'two' })
    await syncing
    const { manifest, entries } = await room.revision('o/n')
    expect(manifest.revision).toBe(first)
    expect(entries.filter(isFile).map(({ oid }) => oid)).toEqual(
      [...hub.source('o/n', first).values()].map(({ oid }) => oid),
    )
    await room.sync('o/n')
    await expectExact(room, hub, { name: 'o/n' })
  })
})

describe('refs', () => {
  beforeEach(async () => {
    await hub.addRepo('o/n', { files: { 'a.txt': 'one', 'big.bin': { seed: 1, size: 100_000 } } })
    hub.tag('o/n', 'v1')
    await hub.commit('o/n', { 'a.txt': 'two' })
    hub.tag('o/n', 'v2')
    await hub.commit('o/n', { 'b.txt': 'dev' }, { ref: 'feature/onnx' })
    await hub.commit('o/n', { 'c.txt': 'pr' }, { ref: 'refs/pr/1' })
    await hub.commit('o/n', { 'd.txt': 'converted' }, { ref: 'refs/convert/parquet' })
  })

  test.each([
    ['o/n', ['main']],
    ['o/n@main', ['main']],
    ['o/n@v1', ['refs/tags/v1']],
    ['o/n@refs/tags/v1', ['refs/tags/v1']],
    ['o/n@feature/onnx', ['feature/onnx']],
    ['o/n@refs/heads/feature/onnx', ['feature/onnx']],
    ['o/n@refs/pr/1', ['refs/pr/1']],
    ['o/n@v*', ['refs/tags/v1', 'refs/tags/v2']],
    ['o/n@*', ['feature/onnx', 'main', 'refs/tags/v1', 'refs/tags/v2']],
    ['o/n@refs/pr/*', ['refs/pr/1']],
    ['o/n@**', ['feature/onnx', 'main', 'refs/convert/parquet', 'refs/pr/1', 'refs/tags/v1', 'refs/tags/v2']],
  ])('%s offers %j', async (spec, names) => {
    const room = await open()
    await room.sync(spec)
    const offer = await room.offer('o/n')
    expect(Object.keys(offer?.refs ?? {}).sort()).toEqual(names)
    for (const ref of names) await expectExact(room, hub, { name: 'o/n', ref })
    // The large file is the same everywhere: it came once.
    expect(hub.requests.filter(({ route }) => route === 'cdn')).toHaveLength(1)
  })

  test('a commit by its sha is offered without a ref', async () => {
    const sha = hub.sha('o/n', 'v1')
    const room = await open()
    await room.sync(`o/n@${sha}`)
    expect(await room.offer('o/n')).toMatchObject({ refs: {}, revisions: { [sha]: expect.any(String) } })
  })

  test('a ref that is gone upstream goes where a pattern covers it; its revision stays', async () => {
    const room = await open()
    await room.sync('o/n@*')
    const sha = hub.sha('o/n', 'v1')
    hub.setRef('o/n', 'refs/tags/v1', undefined)
    await room.sync('o/n@*')
    const offer = await room.offer('o/n')
    expect(Object.keys(offer?.refs ?? {}).sort()).toEqual(['feature/onnx', 'main', 'refs/tags/v2'])
    expect(offer?.revisions).toHaveProperty(sha)
  })

  test('an unknown one is said to be unknown', async () => {
    const room = await open()
    await expect(room.sync('o/n@nope')).rejects.toMatchObject({ code: 'revision-not-found' })
    await expect(room.sync(`o/n@${'0'.repeat(40)}`)).rejects.toMatchObject({ code: 'revision-not-found' })
    await room.sync('o/n@nope*')
    expect(await room.offer('o/n')).toBeUndefined()
  })
})

describe('a renamed repo', () => {
  test('is offered under its new id, with the old one as an alias, and nothing is pulled again', async () => {
    await hub.addRepo('old/name', { files: { 'a.bin': { seed: 1, size: 100_000 }, 'b.txt': 'b' } })
    const room = await open()
    await room.sync('old/name')
    hub.renameRepo('old/name', 'new/name')
    const before = room.upstreamBytes()
    await room.sync('old/name')
    expect(await room.offer('old/name')).toBeUndefined()
    expect(await room.offer('new/name')).toMatchObject({ aliases: ['old/name'] })
    await expectExact(room, hub, { name: 'new/name' })
    expect(room.upstreamBytes()).toBe(before)
    hub.resetCounters()
    await room.sync('old/name')
    expect(hub.requests).toHaveLength(2) // the redirect, and the answer
  })

  test('is found by its old id from the start, also by its refs', async () => {
    await hub.addRepo('old/name', { files: { 'a.txt': 'a' } })
    hub.renameRepo('old/name', 'new/name')
    const room = await open()
    await room.sync('old/name@*')
    expect(await room.offer('new/name')).toMatchObject({ aliases: ['old/name'], refs: { main: {} } })
  })
})

describe('what upstream refuses', () => {
  test('a repo that is missing, or looks so, is not listed', async () => {
    await hub.addRepo('o/secret', { files: { 'a.txt': 'a' }, private: true })
    const room = await open()
    for (const name of ['o/missing', 'o/secret']) {
      await expect(room.sync(name)).rejects.toMatchObject({
        code: 'repo-not-found',
        hint: expect.stringContaining('token'),
      })
      expect(await room.offer(name)).toBeUndefined()
    }
    const named = await open({ token: 'hf_other' })
    await expect(named.sync('o/missing')).rejects.toMatchObject({ code: 'repo-not-found' })
  })

  test('a gated repo is gated, and fails in the catalog', async () => {
    await hub.addRepo('o/gated', { files: { 'a.txt': 'a' }, gated: 'manual' })
    const room = await open()
    await expect(room.sync('o/gated')).rejects.toMatchObject({ code: 'gated', hint: expect.stringContaining('token') })
    expect(await room.offer('o/gated')).toMatchObject({ refs: {}, job: { state: 'failed' } })
  })

  test('a bad token is denied, and never quoted', async () => {
    await hub.addRepo('o/n', { files: { 'a.txt': 'a' } })
    const room = await open({ token: 'hf_wrong_secret' })
    const error: unknown = await room.sync('o/n').catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'denied', hint: expect.stringContaining('token file') })
    expect(JSON.stringify([error, String((error as Error).stack)])).not.toContain('hf_wrong_secret')
  })

  test('a token opens a private repo; a function may give it', async () => {
    await hub.addRepo('o/secret', { files: { 'a.bin': { seed: 1, size: 100_000 } }, private: true })
    const room = await open({ token: async () => TOKEN })
    await room.sync('o/secret')
    await expectExact(room, hub, { name: 'o/secret' })
    // It went along to the Hub, and not to where the Hub redirects to.
    for (const { route, loggedIn } of hub.requests) expect(loggedIn).toBe(route !== 'cdn')
    expect(hub.requests.some(({ route }) => route === 'cdn')).toBe(true)
  })

  test('a Hub that is away is unreachable; what is offered stays', async () => {
    await hub.addRepo('o/n', { files: { 'a.txt': 'a' } })
    const room = await open()
    await room.sync('o/n')
    await hub.stop()
    await expect(room.sync('o/n')).rejects.toMatchObject({
      code: 'unreachable',
      hint: expect.stringContaining('proxy'),
    })
    expect(await room.offer('o/n')).toMatchObject({ refs: { main: {} } })
    await hub.start()
    await room.sync('o/n')
  })

  test('an upstream must be a plain URL', async () => {
    for (const upstream of ['huggingface', 'ftp://x', 'http://user:secret@x', 'http://x/?token=secret']) {
      const error: unknown = await createRoom(upstream).catch((error: unknown) => error)
      expect(error).toMatchObject({ code: 'config' })
      expect(String(error)).not.toContain('secret')
    }
  })
})
