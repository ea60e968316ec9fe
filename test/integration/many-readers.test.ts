/** Hundreds of readers that stand still, or go: at a seed that holds the file and at an office that is still fetching it. */
import { readdir } from 'node:fs/promises'
import { type Socket, connect } from 'node:net'
import { KIB, MIB } from '@hubmesh/content'
import { type SampleHub, createSampleHub } from '@hubmesh/testing'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { usageOf } from '../bench/measure.ts'
import { type Swarm, type SwarmNode, createSwarm, download } from './local-swarm.ts'

const REPO = 'any/model'
const BIG = 'big.safetensors'
const OTHER = 'other.bin'
const SIZES = { [BIG]: 64 * MIB, [OTHER]: 3 * MIB + 1 }
const READERS = 200
/** What a node has that fetches or sends at full speed, and 1 MiB for each reader. */
const MEMORY_BYTES = (300 + READERS) * MIB

let hub: SampleHub
let swarm: Swarm
let seed: SwarmNode
let office: SwarmNode

beforeAll(async () => {
  hub = await createSampleHub()
  swarm = await createSwarm()
  const files = Object.entries(SIZES).map(([path, size]) => [path, { seed: path, size }] as const)
  await hub.addRepo(REPO, { files: Object.fromEntries(files) })
  seed = await swarm.startSeed({ upstream: hub.url, mirror: [REPO] })
  await seed.waitFor('the mirror', ({ repos }) => repos[0]?.complete === true)
  office = await swarm.startOffice('office', { ticket: await seed.ticket() })
  await office.waitFor('the catalog', ({ repos }) => repos.length > 0)
})
afterAll(async () => {
  await swarm.stop()
  await hub.stop()
})

const urlOf = ({ gateway }: SwarmNode, path: string): string => `${gateway}/${REPO}/resolve/main/${path}`

/** Takes the first bytes of a file from some place on, and then no more. It holds 1 KiB of its own. */
const stall = (node: SwarmNode, from: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const onread = {
      buffer: Buffer.alloc(KIB),
      callback: () => {
        resolve(socket)
        return false
      },
    }
    const { hostname: host, port, pathname } = new URL(urlOf(node, BIG))
    const socket = connect({ host, port: Number(port), onread })
    socket.on('error', reject)
    socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nRange: bytes=${from}-\r\n\r\n`)
  })

const stallMany = (node: SwarmNode): Promise<Socket[]> =>
  Promise.all(Array.from({ length: READERS }, async (_, n) => stall(node, n * 1000)))

const expectWhole = async (node: SwarmNode, path: string): Promise<void> => {
  const { sha256, bytes } = await download(urlOf(node, path))
  expect([bytes, sha256]).toEqual([hub.source(REPO).get(path)?.size, hub.source(REPO).get(path)?.sha256])
}

const openFiles = async ({ pid }: SwarmNode): Promise<number> => (await readdir(`/proc/${pid}/fd`)).length

describe.each(['office', 'seed'] as const)('at the %s', (name) => {
  it(`${READERS} readers that stand still keep nobody from reading, and what they hold is bounded`, async () => {
    const node = name === 'seed' ? seed : office
    const files = await openFiles(node)
    const sockets = await stallMany(node)
    await expectWhole(node, OTHER)
    await expectWhole(node, BIG)
    expect((await usageOf(node.pid)).peakRss).toBeLessThan(MEMORY_BYTES)
    for (const socket of sockets) socket.destroy()
    await vi.waitFor(async () => expect(await openFiles(node)).toBeLessThan(files + READERS / 4), 20_000)
    await expectWhole(node, OTHER)
  })

  it('each chunk was fetched once for all of them', async () => {
    const { counters } = await office.status()
    expect(counters.wanBytes).toBe(SIZES[BIG] + SIZES[OTHER])
  })
})
