/** A real node is sent what no client should send, over bare sockets: it refuses or answers, and is none the worse for it. */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MIB } from '@hubmesh/content'
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { usageOf } from '../bench/measure.ts'
import { type Swarm, type SwarmNode, createSwarm } from '../integration/local-swarm.ts'
import { type Exchange, exchanges } from './nonsense.ts'
import { TIMEOUT_MS, runsOf } from './runs.ts'

const REPO = 'any/model'
const FILE = 'a/b.bin'
const TOGETHER = 32
/** An answer takes milliseconds; a client that half a request came from has ended its side. */
const ANSWERS_WITHIN_MS = 20_000
const MEMORY_BYTES = 400 * MIB
/** Lies in the node's home and beside the folder that was published: nobody may read it. */
const CANARY = 'canary-4d1f3b'

let swarm: Swarm
let node: SwarmNode
let secrets: string[]

beforeAll(async () => {
  swarm = await createSwarm()
  node = await swarm.startSeed({ upstream: 'http://127.0.0.1:9' })
  const folder = join(swarm.folder, 'model')
  await mkdir(join(folder, 'a'), { recursive: true })
  await writeFile(join(folder, FILE), 'bytes')
  for (const place of [swarm.folder, node.home]) await writeFile(join(place, 'canary.txt'), CANARY)
  const { code, stderr } = await node.cli('publish', folder, REPO)
  expect(code, stderr).toBe(0)
  const key = await readFile(join(node.home, 'identity.key'))
  secrets = [CANARY, 'root:x:0', key.toString('latin1').trim()]
})
afterAll(async () => swarm.stop())

it('nonsense brings nothing down, and nothing out', { timeout: TIMEOUT_MS }, async () => {
  const seen = new Map<string, number>()
  const before = { pid: node.pid, files: await openFiles(node.pid) }
  const all = fc.array(exchanges({ repo: REPO, file: FILE }), { minLength: TOGETHER, maxLength: TOGETHER })
  const stands = fc.asyncProperty(all, async (together) => {
    for (const answer of await Promise.all(together.map(exchangeBytes)))
      for (const status of statusesOf(answer)) seen.set(status, (seen.get(status) ?? 0) + 1)
    expect(await soundAnswer()).toBe('bytes')
  })
  await fc.assert(stands, runsOf({ preset: 2_000, each: TOGETHER }))
  // Not all was refused at the door.
  for (const status of ['200', '400', '401', '403', '404', '405']) expect([...seen.keys()]).toContain(status)
  expect(node.pid).toBe(before.pid)
  expect(node.log()).not.toMatch(/"level":(?:50|60)/)
  expect((await usageOf(node.pid)).peakRss).toBeLessThan(MEMORY_BYTES)
  await vi.waitFor(async () => expect(await openFiles(node.pid)).toBeLessThanOrEqual(before.files + 2), 20_000)
})

/** All that comes back until the node ends the connection. @throws Error when it does not */
const exchangeBytes = async ({ bytes, cuts, leaves }: Exchange): Promise<string> => {
  const { port } = new URL(node.gateway)
  const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => parts.push(part))
  let isReset = false
  socket.on('error', () => {
    isReset = true
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  for (const [n, start] of [0, ...cuts].entries()) socket.write(bytes.subarray(start, cuts[n] ?? bytes.length))
  if (leaves === 'gone') socket.destroy()
  else socket.end()
  const late = sleep(ANSWERS_WITHIN_MS, 'late', { ref: false })
  if ((await Promise.race([closed, late])) === 'late') {
    socket.destroy()
    throw new Error('the node neither answers nor ends the connection')
  }
  if (isReset && leaves === 'end') throw new Error('the node has reset the connection')
  return Buffer.concat(parts).toString('latin1')
}

/** The status of each answer. @throws Error for an answer that must not be */
const statusesOf = (answer: string): string[] => {
  for (const secret of secrets) if (answer.includes(secret)) throw new Error(`an answer tells a secret: ${answer}`)
  if (answer === '') return ['nothing']
  const heads = [...answer.matchAll(/HTTP\/1\.1 (\d{3}) [A-Z][^]*?\r\n\r\n/g)]
  if (heads[0]?.index !== 0) throw new Error(`no HTTP: ${answer}`)
  for (const [head, status = ''] of heads)
    if (status.startsWith('5') && !(status === '503' && /\r\nRetry-After: \d/.test(head))) throw new Error(head)
  return heads.map(([, status = '']) => status)
}

const soundAnswer = async (): Promise<string> => {
  const response = await fetch(`${node.gateway}/${REPO}/resolve/main/${FILE}`)
  return response.text()
}

/** Files and sockets that a process has open. */
const openFiles = async (pid: number): Promise<number> => (await readdir(`/proc/${pid}/fd`)).length
