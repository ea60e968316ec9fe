/** A node that may open few files: its clients can use them up, and then go without. Nothing is lost, and nobody dies of it. */
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { type Socket, connect } from 'node:net'
import { promisify } from 'node:util'
import { KIB, MIB } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { NO_UPSTREAM } from '../bench/samples.ts'
import { type Swarm, type SwarmNode, createSwarm } from './local-swarm.ts'
import { downloadBlob, publishBlob } from './publish-blob.ts'

const FILES = 256
const READERS = 300
const HELD = 'lab/held'
/** Kernel and node take some MiB of an answer, whoever reads it. */
const held = sampleBlob(24 * MIB, 95)
const others = [1, 2].map((n) => ({ repo: `lab/model-${n}`, blob: sampleBlob(3 * MIB + n, 95 + n) }))
const last = { repo: 'lab/last', blob: sampleBlob(5 * MIB, 99) }

const run = promisify(execFile)

let swarm: Swarm
let seed: SwarmNode
let office: SwarmNode

beforeAll(async () => {
  swarm = await createSwarm()
  seed = await swarm.startSeed({ upstream: NO_UPSTREAM })
  await publishBlob(swarm, seed, HELD, held)
  for (const { repo, blob } of [...others, last]) await publishBlob(swarm, seed, repo, blob)
  office = await swarm.startOffice('office', {
    ticket: await seed.ticket(),
    place: { address: '127.0.0.1', command: ['sh', '-c', `ulimit -n ${FILES} && exec "$0" "$@"`] },
  })
  await office.waitFor('the catalog', ({ repos }) => repos.length === others.length + 2)
  await office.pull(HELD)
})

afterAll(async () => {
  await swarm?.stop()
})

/** Asks for a large file and takes nothing of it. */
const stall = ({ gateway }: SwarmNode): Socket => {
  const { hostname: host, port } = new URL(gateway)
  const socket = connect({ host, port: Number(port), onread: { buffer: Buffer.alloc(KIB), callback: () => false } })
  socket.on('error', () => {}) // it may be turned away
  socket.write(`GET /${HELD}/resolve/main/model.bin HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  return socket
}

const openFiles = async ({ pid }: SwarmNode): Promise<number> => (await readdir(`/proc/${pid}/fd`)).length
const expectWhole = async (repo: string, { size, sha256 }: typeof held): Promise<void> =>
  expect(await downloadBlob(office, repo)).toEqual({ size, sha256 })

it(`${READERS} readers that take nothing leave a node that may open ${FILES} files enough to fetch and to tell`, async () => {
  const { pid } = office
  const before = await openFiles(office)
  const sockets = Array.from({ length: READERS }, () => stall(office))
  await expect.poll(() => openFiles(office)).toBeGreaterThan(before + 40)
  for (const { repo } of others) await office.pull(repo)
  const { ready, peers } = await office.status()
  expect(ready.ready).toBe(true)
  expect(peers.find(({ peerId }) => peerId === seed.peerId)).toMatchObject({ connected: true })
  expect(await openFiles(office)).toBeLessThan(FILES)
  for (const socket of sockets) socket.destroy()
  await expect.poll(() => openFiles(office)).toBeLessThan(before + 40)
  for (const { repo, blob } of [...others, { repo: HELD, blob: held }]) await expectWhole(repo, blob)
  expect(office.pid).toBe(pid)
})

/** Leaves the node no file to open: the limit is one of their numbers, and the lowest that is free is the next to be used. */
const takeTheRest = async (): Promise<void> => {
  const used = new Set((await readdir(`/proc/${office.pid}/fd`)).map(Number))
  let free = 0
  while (used.has(free)) free += 1
  await limitFiles(free)
}
const limitFiles = async (files: number): Promise<void> => {
  await run('prlimit', ['--pid', String(office.pid), `--nofile=${files}:${FILES}`])
}

/** Over one connection that is kept, so that asking takes no file of its own. */
const ask = (path: string, agent: Agent): Promise<{ status: number | undefined; retryAfter: string | undefined }> =>
  new Promise((resolve, reject) => {
    const request = get(`${office.gateway}${path}`, { agent }, (response) => {
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode, retryAfter: response.headers['retry-after'] }))
      response.resume()
    })
    request.on('error', reject)
  })

it('where they are used up all the same, nothing is lost, and it goes on when there are some again', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  await ask('/-/healthz', agent)
  await expect
    .poll(async () => {
      await takeTheRest() // what another closes meanwhile is free again
      return ask(`/${HELD}/resolve/main/model.bin`, agent)
    })
    .toEqual({ status: 429, retryAfter: '2' })
  const pull = office.pull(last.repo).catch(() => undefined) // its own command may find no room to ask in
  const strangers = Array.from({ length: 20 }, () => stall(office))
  await pull
  await limitFiles(FILES)
  for (const socket of strangers) socket.destroy()
  await office.pull(last.repo)
  for (const { repo, blob } of [...others, last, { repo: HELD, blob: held }]) await expectWhole(repo, blob)
  agent.destroy()
  expect(await office.stop()).toBe(0)
  await office.restart()
  for (const { repo, blob } of [...others, last, { repo: HELD, blob: held }]) await expectWhole(repo, blob)
})
