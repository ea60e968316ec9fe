import { type Socket, connect } from 'node:net'
import { KIB, MIB, type ReadOptions, type RepoRef } from '@hubmesh/content'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createBufferPool } from '../src/body/buffer-pool.ts'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { ask, get } from './support/http.ts'
import { bytesOf, patternContent } from './support/repos.ts'

const MODEL: RepoRef = { type: 'model', id: 'ada/model' }
const HUGE = patternContent(4 * 1024 * MIB)
const LARGE = patternContent(9 * MIB + 5)
const READERS = 100

let running: RunningGateway

beforeAll(async () => {
  running = await startGateway()
  const files = { 'huge.bin': HUGE, 'paced.bin': HUGE, 'large.bin': LARGE, 'cold.bin': HUGE }
  running.library.add(MODEL, { commits: [{ files }] })
  running.library.chill('cold.bin', { chunkBytes: MIB })
})
afterAll(async () => running.gateway.stop())

/** A client that asks, takes the first bytes and then nothing more. It holds 1 KiB of its own. */
const stall = (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const onread = {
      buffer: Buffer.alloc(KIB),
      callback: () => {
        resolve(socket)
        return false
      },
    }
    const socket = connect({ port: running.port, host: '127.0.0.1', onread })
    socket.on('error', reject)
    socket.write(get(`/ada/model/resolve/main/${path}`))
  })

const stallMany = (path: string): Promise<Socket[]> =>
  Promise.all(Array.from({ length: READERS }, async () => stall(path)))

/** Bytes outside the heap: buffers, and so what readers hold. */
const buffers = (): number => process.memoryUsage().arrayBuffers

describe('hundreds of readers', () => {
  it('that stand still hold bounded memory, and slow nobody down', async () => {
    const before = buffers()
    const sockets = await stallMany('huge.bin')
    expect(buffers() - before).toBeLessThan(64 * MIB)
    const reply = await ask(running.url, '/ada/model/resolve/main/large.bin')
    expect(reply.body.equals(bytesOf(LARGE))).toBe(true)
    for (const socket of sockets) socket.destroy()
    await vi.waitFor(() => expect(running.library.open()).toBe(0))
  })

  it('of a cold file that leave end its reading', async () => {
    const sockets = await stallMany('cold.bin')
    expect(running.library.open()).toBe(READERS)
    for (const socket of sockets) socket.destroy()
    await vi.waitFor(() => expect(running.library.open()).toBe(0))
  })

  it('read right beside one another', async () => {
    const replies = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        ask(running.url, '/ada/model/resolve/main/large.bin', { headers: { range: `bytes=${index * 1000}-` } }),
      ),
    )
    for (const [index, { body }] of replies.entries()) expect(body.equals(bytesOf(LARGE, index * 1000))).toBe(true)
  })
})

describe('the buffer pool', () => {
  it('gives smaller buffers the more readers there are', () => {
    const pool = createBufferPool()
    const sizes = [1, 4, 5, 16, 17, 64, 65, 256, 257].map((count) => {
      const leave = Array.from({ length: count }, () => pool.join())
      const size = pool.largest()
      for (const go of leave) go()
      return size / KIB
    })
    expect(sizes).toEqual([2048, 2048, 1024, 1024, 128, 128, 64, 64, 16])
  })

  it('at its bound gives the smallest, and none to read ahead', () => {
    const pool = createBufferPool(4 * MIB)
    const held = Array.from({ length: 4 }, () => pool.take(MIB))
    expect(pool.takeSpare(16 * KIB)).toBeUndefined()
    const small = pool.take(MIB)
    expect(small).toHaveLength(16 * KIB)
    for (const buffer of [...held, small]) pool.give(buffer)
    expect(pool.usage().used).toBe(0)
    // What is kept in one size makes way for another.
    const other = pool.take(512 * KIB)
    const { used, kept } = pool.usage()
    expect(used + kept).toBeLessThanOrEqual(4 * MIB)
    pool.drop(other)
    expect(pool.usage().used).toBe(0)
  })

  it('keeps little when nobody reads', () => {
    const pool = createBufferPool()
    const leave = pool.join()
    const buffers = Array.from({ length: 32 }, () => pool.take(MIB))
    for (const buffer of buffers) pool.give(buffer)
    expect(pool.usage()).toEqual({ used: 0, kept: 32 * MIB })
    leave()
    expect(pool.usage()).toEqual({ used: 0, kept: 0 })
  })
})

it('a client of a cold file is known by what it takes, and when it stands still', async () => {
  let reading: ReadOptions | undefined
  running.library.chill('paced.bin', { chunkBytes: MIB, onRead: (options) => (reading = options) })
  let taken = 0
  const socket = connect({ port: running.port, host: '127.0.0.1' })
  socket.on('data', ({ length }: Buffer) => {
    taken += length
    if (taken >= MIB) socket.pause()
  })
  const timer = setInterval(() => {
    taken = 0
    socket.resume()
  }, 100)
  try {
    socket.write(get('/ada/model/resolve/main/paced.bin'))
    const known = await vi.waitUntil(() => reading?.rate?.(), { timeout: 60_000 })
    expect(known).toBeLessThan(100 * MIB) // 10 MiB/s; what the kernel takes at first is over 1 GiB/s
    clearInterval(timer)
    socket.pause()
    await vi.waitUntil(() => reading!.rate!()! < known / 4, { timeout: 60_000 })
  } finally {
    clearInterval(timer)
    socket.destroy()
  }
  await vi.waitFor(() => expect(running.library.open()).toBe(0))
}, 150_000)
