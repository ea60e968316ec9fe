import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type SampleHub, createMemoryStore, createSampleHub } from '@hubmesh/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Room, type RoomOptions, createRoom, expectExact } from './room.ts'
import { type Twist, createTwistedHub } from './twisted-hub.ts'

const MIB = 1024 * 1024
const BIG = 3 * MIB + 5

let hub: SampleHub
let stack: AsyncDisposableStack

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  hub = stack.use(await createSampleHub())
  await hub.addRepo('o/n', { files: { 'big.bin': { seed: 1, size: BIG }, 'small.txt': 'small', 'tiny.bin': 'tiny' } })
})
afterEach(() => stack.disposeAsync())

const open = async (options: RoomOptions = {}): Promise<Room> => stack.use(await createRoom(hub.url, options))
const twisted = async (twist: Twist) => stack.use(await createTwistedHub(hub.url, twist))

describe('a download that goes wrong', () => {
  test.each(['cut', 'reset'] as const)('%s, is resumed where it broke off', async (kind) => {
    hub.faults.add({ kind, afterBytes: MIB, on: 'cdn', path: /big/, times: 2 })
    const room = await open()
    await room.sync('o/n')
    await expectExact(room, hub, { name: 'o/n' })
    expect(room.upstreamBytes()).toBeLessThan(BIG + 0.5 * MIB) // a reset may lose what was under way
    const ranges = hub.requests.filter(({ route }) => route === 'cdn').map(({ range }) => range)
    expect(ranges.filter((range) => range !== undefined && !range.startsWith('bytes=0-'))).toHaveLength(2)
  })

  test('cut again and again without progress, fails; a regular file too', async () => {
    hub.faults.add({ kind: 'cut', afterBytes: 0, on: 'cache' })
    const room = await open()
    await expect(room.sync('o/n')).rejects.toMatchObject({ code: 'unreachable' })
    expect(await room.offer('o/n')).toMatchObject({ refs: {}, job: { state: 'failed' } })
    hub.faults.clear()
    await room.sync('o/n')
    await expectExact(room, hub, { name: 'o/n' })
    expect((await room.offer('o/n'))?.job).toBeUndefined()
  })

  test('silent, is given up and resumed', async () => {
    // The first connection to the CDN gets its headers and then no byte more.
    let silent = 0
    const { url } = await twisted((request, response) => {
      if (!request.url?.includes('/resolve/') || !request.url.includes('big.bin') || silent > 0) return false
      silent += 1
      response.writeHead(200, { 'content-length': BIG }).write('x')
      return true
    })
    const room = stack.use(await createRoom(url, { silenceSeconds: 1 }))
    await room.sync('o/n')
    await expectExact(room, hub, { name: 'o/n' })
  })

  test.each([429, 503])('%d with Retry-After, is tried again when it was asked to', async (status) => {
    hub.faults.add({ kind: 'status', status, retryAfter: 1, on: 'api', times: 1 })
    hub.faults.add({ kind: 'status', status, retryAfter: 1, on: 'resolve', path: /big/, times: 1 })
    const room = await open()
    const began = performance.now()
    await room.sync('o/n')
    await expectExact(room, hub, { name: 'o/n' })
    expect(performance.now() - began).toBeGreaterThanOrEqual(2000)
  })

  test('busy for longer than a request waits, is handed back with the time', async () => {
    hub.faults.add({ kind: 'status', status: 429, retryAfter: 3600, on: 'api' })
    const room = await open()
    await expect(room.sync('o/n')).rejects.toMatchObject({ code: 'busy', retryAfter: 3600 })
    const asked = hub.requests.length
    await expect(room.sync('o/n')).rejects.toMatchObject({ code: 'busy' })
    expect(hub.requests).toHaveLength(asked) // upstream wants no requests, so it gets none
  })

  test('a signed URL that has expired is asked for anew', async () => {
    hub.faults.add({ kind: 'expire', path: /big/, times: 1 })
    const room = await open({ segmentBytes: MIB })
    await room.sync('o/n')
    await expectExact(room, hub, { name: 'o/n' })
    const asked = hub.requests.filter(({ route, url }) => route === 'resolve' && url.includes('big.bin'))
    expect(asked).toHaveLength(2)
  })

  test('a server without ranges is read from the start', async () => {
    hub.faults.add({ kind: 'ignore-range', on: 'cdn' })
    hub.faults.add({ kind: 'cut', afterBytes: MIB, on: 'cdn', path: /big/, times: 1 })
    for (const segmentBytes of [MIB, 16 * MIB]) {
      const room = await open({ segmentBytes })
      await room.sync('o/n')
      await expectExact(room, hub, { name: 'o/n' })
    }
  })
})

describe('bytes that are not what was listed', () => {
  test.each(['big.bin', 'small.txt', 'tiny.bin'])('of %s are fetched once more', async (path) => {
    hub.faults.add({ kind: 'flip', at: 3, path: new RegExp(path), times: 1 })
    const room = await open()
    await room.sync('o/n')
    await expectExact(room, hub, { name: 'o/n' })
  })

  test.each(['big.bin', 'small.txt', 'tiny.bin'])('of %s twice, fail the sync: nothing is offered', async (path) => {
    const restore = hub.faults.add({ kind: 'flip', at: 3, path: new RegExp(path) })
    const room = await open()
    await expect(room.sync('o/n')).rejects.toMatchObject({ code: 'bad-bytes', message: expect.stringContaining(path) })
    expect(await room.offer('o/n')).toMatchObject({ refs: {}, revisions: {}, job: { state: 'failed' } })
    expect(room.provided.size).toBe(0)
    for (const { sha256 } of hub.source('o/n').values()) {
      if (sha256 === hub.source('o/n').get(path)?.sha256) expect(await room.blobs.has(sha256)).toBe(false)
    }
    restore()
    await room.sync('o/n')
    await expectExact(room, hub, { name: 'o/n' })
  })

  test('leave the revision before in its place', async () => {
    const room = await open()
    await room.sync('o/n')
    const before = await room.offer('o/n')
    await hub.commit('o/n', { 'big.bin': { seed: 2, size: BIG } })
    hub.faults.add({ kind: 'flip', at: 2 * MIB, path: /big/ })
    await expect(room.sync('o/n')).rejects.toMatchObject({ code: 'bad-bytes' })
    expect(await room.offer('o/n')).toEqual({ ...before, job: { state: 'failed', since: expect.any(String) } })
  })

  test('endless, are refused when they pass the listed size', async () => {
    let sent = 0
    const { url } = await twisted((request, response) => {
      if (!request.url?.includes('/resolve/')) return false
      response.writeHead(200)
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) sent += 65_536
        if (!response.destroyed) response.once('drain', more)
      }
      more()
      return true
    })
    const room = stack.use(await createRoom(url))
    await expect(room.sync('o/n')).rejects.toMatchObject({ code: 'bad-bytes', message: /more bytes|another than/ })
    expect(await room.offer('o/n')).toMatchObject({ refs: {} })
    expect(sent).toBeLessThan(100 * MIB)
  })

  test('of another announced size, or encoded, are refused before they are read', async () => {
    for (const headers of [{ 'content-length': '7' }, { 'content-encoding': 'gzip' }]) {
      const { url } = await twisted((request, response) => {
        if (!request.url?.includes('/resolve/')) return false
        response.writeHead(200, headers).end('1234567')
        return true
      })
      const room = stack.use(await createRoom(url))
      await expect(room.sync('o/n')).rejects.toMatchObject({ code: 'bad-bytes' })
      expect(room.upstreamBytes()).toBe(0)
    }
  })
})

describe('an upstream that lies', () => {
  const FILE = { type: 'file', size: 1, oid: '0'.repeat(40) }
  test.each([
    ['a path out of the folder', [{ ...FILE, path: '../evil' }]],
    ['an absolute path', [{ ...FILE, path: '/etc/passwd' }]],
    ['a backslash', [{ ...FILE, path: 'a\\..\\b' }]],
    ['a path that is no text', [{ ...FILE, path: 7 }]],
    [
      'a path twice',
      [
        { ...FILE, path: 'a' },
        { ...FILE, path: 'a' },
      ],
    ],
    [
      'a file that is a folder',
      [
        { ...FILE, path: 'a' },
        { ...FILE, path: 'a/b' },
      ],
    ],
    ['an oid that is none', [{ ...FILE, path: 'a', oid: 'xyz' }]],
    ['a size that is none', [{ ...FILE, path: 'a', size: -1 }]],
    ['two sizes', [{ ...FILE, path: 'a', lfs: { oid: '0'.repeat(64), size: 2, pointerSize: 120 } }]],
    ['an entry of another kind', [{ ...FILE, type: 'symlink', path: 'a' }]],
    ['no list', { error: 'x' }],
    ['nothing', null],
  ])('with %s in its listing is refused', async (_, listing) => {
    const { url } = await twisted((request, response) => {
      if (!request.url?.includes('/tree/')) return false
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(listing))
      return true
    })
    const room = stack.use(await createRoom(url))
    await expect(room.sync('o/n')).rejects.toMatchObject({ code: 'bad-bytes' })
    expect(await room.offer('o/n')).toMatchObject({ refs: {}, revisions: {}, job: { state: 'failed' } })
  })

  test('about the commit, or with no JSON at all, is refused', async () => {
    for (const body of ['<html>', '{"sha":"main"}', `{"sha":"${'1'.repeat(40)}"}`]) {
      const { url } = await twisted((request, response) => {
        if (!/\/revision\/[0-9a-f]{40}$/.test(request.url ?? '')) return false
        response.writeHead(200).end(body)
        return true
      })
      const room = stack.use(await createRoom(url))
      await expect(room.sync('o/n')).rejects.toMatchObject({ code: 'bad-bytes' })
    }
  })

  test('with a listing without end is stopped', async () => {
    const { url } = await twisted((request, response) => {
      if (!request.url?.includes('/tree/')) return false
      response.writeHead(200, { link: `<${request.url}>; rel="next"` }).end(JSON.stringify([{ ...FILE, path: 'a' }]))
      return true
    })
    const room = stack.use(await createRoom(url))
    await expect(room.sync('o/n')).rejects.toMatchObject({ code: 'bad-bytes' })
  })

  test('whose pages go on at another host is asked for them all the same', async () => {
    const { url } = await twisted((request, response) => {
      const page = /\/tree\/[^?]*\?(page=2)?/.exec(request.url ?? '')
      if (page === null) return false
      const all = hub.source('o/n')
      const rows = [...all.values()].map(({ path, size, oid, lfs }) => ({ type: 'file', path, size, oid, lfs }))
      const next = `<https://elsewhere.example${request.url?.split('?')[0]}?page=2>; rel="next"`
      if (page[1] === undefined) response.writeHead(200, { link: next }).end(JSON.stringify(rows.slice(0, 1)))
      else response.writeHead(200).end(JSON.stringify(rows.slice(1)))
      return true
    })
    const room = stack.use(await createRoom(url))
    await room.sync('o/n')
    await expectExact(room, hub, { name: 'o/n' })
  })
})

describe('the token', () => {
  test('stays with upstream: not at the CDN, not along a redirect of the API or of a file', async () => {
    const seen: (string | undefined)[] = []
    const elsewhere = stack.use(
      await createTwistedHub(hub.url, (request, response) => {
        seen.push(request.headers.authorization)
        response.writeHead(404).end()
        return true
      }),
    )
    for (const part of ['/revision/HEAD', '/resolve/']) {
      const { url, authorizations } = await twisted((request, response) => {
        delete request.headers.authorization // the sample Hub knows no token
        if (!request.url?.includes(part)) return false
        response.writeHead(307, { location: `${elsewhere.url}${request.url}` }).end()
        return true
      })
      const room = stack.use(await createRoom(url, { token: 'hf_secret' }))
      await expect(room.sync('o/n')).rejects.toMatchObject({ code: /denied|unreachable/ })
      expect(authorizations.length).toBeGreaterThan(0)
      expect(new Set(authorizations)).toEqual(new Set(['Bearer hf_secret']))
    }
    expect(seen.length).toBeGreaterThan(0) // the file's redirect was followed
    expect(new Set(seen)).toEqual(new Set([undefined]))
  })

  test('goes through a proxy of the environment, which is used for the rest too', async () => {
    // A proxy that answers nothing: it is enough to see that it is asked.
    let connections = 0
    const proxy = createServer((socket) => {
      connections += 1
      socket.end()
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    stack.defer(() => void proxy.close())
    process.env['http_proxy'] = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    stack.defer(() => void delete process.env['http_proxy'])
    const room = stack.use(await createRoom('http://hub.example'))
    await expect(room.sync('o/n')).rejects.toMatchObject({ code: 'unreachable' })
    expect(connections).toBeGreaterThan(0)
  })
})

test('an aborted sync is taken up: only what is missing is fetched', async () => {
  const room = await open({ segmentBytes: MIB })
  const slow = hub.faults.add({ kind: 'throttle', bytesPerSecond: 3 * MIB, on: 'cdn', path: /big/ })
  const abort = new AbortController()
  const syncing = room.sync('o/n', abort.signal)
  await expect.poll(() => room.upstreamBytes(), { interval: 5 }).toBeGreaterThan(MIB)
  abort.abort(new Error('enough'))
  await expect(syncing).rejects.toThrow('enough')
  expect(await room.offer('o/n')).toBeUndefined() // nobody is to wait for it
  const before = room.upstreamBytes()
  expect(before).toBeLessThan(BIG)
  slow()
  await room.sync('o/n')
  await expectExact(room, hub, { name: 'o/n' })
  expect(room.upstreamBytes()).toBeLessThanOrEqual(BIG + 100)
})

test('a stopped room ends what is under way, and takes nothing more', async () => {
  const store = createMemoryStore()
  const room = await open({ store })
  hub.faults.add({ kind: 'delay', ms: 60_000, on: 'cdn' }) // longer than a test may take
  const syncing = room.sync('o/n')
  await expect.poll(() => hub.requests.some(({ route }) => route === 'cdn')).toBe(true)
  const ended = expect(syncing).rejects.toMatchObject({ code: 'not-ready' })
  await room.origin.stop()
  await ended
  await expect(room.sync('o/n')).rejects.toMatchObject({ code: 'not-ready' })
})
