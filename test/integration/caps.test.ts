/**
 * A seed that takes a repo from upstream under a cap, and an office that takes it from the seed under another: real processes,
 * configured as an operator would. Only "not faster than" is looked at.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB, type NodeStatus } from '@hubmesh/content'
import { type SampleHub, createSampleHub } from '@hubmesh/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Swarm, type SwarmNode, createSwarm } from './local-swarm.ts'

const REPO = 'acme/voice'
const SIZE = 4_000_000
const UPSTREAM = 2_000_000
const DOWNLOAD = 1_000_000
/** What a bucket holds (0.1 s, 0.4 s), and what is on its way: a piece of both files, or one chunk. */
const UPSTREAM_AT_ONCE = 0.1 * UPSTREAM + 2 * 192 * 1024
const DOWNLOAD_AT_ONCE = 0.4 * DOWNLOAD + MIB

let hub: SampleHub
let swarm: Swarm
let seed: SwarmNode

beforeAll(async () => {
  hub = await createSampleHub()
  await hub.addRepo(REPO, { files: { 'model.bin': { seed: 1, size: SIZE }, 'config.json': '{}' } })
  swarm = await createSwarm()
})

afterAll(async () => {
  await swarm?.stop()
  await hub?.[Symbol.asyncDispose]()
})

/** @param name of a node that is yet to be started */
const configure = async (name: string, text: string): Promise<void> => {
  const home = join(swarm.folder, name)
  await mkdir(home, { mode: 0o700 })
  await writeFile(join(home, 'hubmesh.yaml'), text)
}

/** Pulls, and tells by how much the counter was above what the rate allows at most. */
const excessOf = async (node: SwarmNode, counter: 'upstreamBytes' | 'wanBytes', rate: number): Promise<number> => {
  const start = performance.now()
  const before = (await node.status()).counters[counter]
  let worst = -Infinity
  const look = ({ counters }: NodeStatus): void => {
    worst = Math.max(worst, counters[counter] - before - (rate * (performance.now() - start)) / 1000)
  }
  let ended = false
  const pull = node.pull(REPO).finally(() => (ended = true))
  await Promise.all([
    pull,
    node.waitFor('the pull', (status) => {
      look(status)
      return ended
    }),
  ])
  look(await node.status())
  return worst
}

it('a seed takes files from upstream no faster than `upstream` says', async () => {
  await configure('seed', `limits:\n  upstream: ${UPSTREAM / 1000}KB/s\n`)
  seed = await swarm.startSeed({ upstream: hub.url })
  expect((await seed.status()).caps).toEqual({ upload: {}, download: {}, upstream: UPSTREAM })
  const excess = await excessOf(seed, 'upstreamBytes', UPSTREAM)
  expect(excess).toBeLessThanOrEqual(UPSTREAM_AT_ONCE)
})

it('an office takes it from another site no faster than the window of the day says', async () => {
  await configure(
    'tokyo',
    `limits:
  download: { total: 2MB/s, otherSites: 64KB/s }
  schedule:
    - { from: '00:00', to: '00:00', download: { otherSites: 1MB/s } }
`,
  )
  const office = await swarm.startOffice('tokyo', { ticket: await seed.ticket() })
  await office.waitFor('the catalog', ({ repos }) => repos.length === 1)
  expect((await office.status()).caps).toEqual({ upload: {}, download: { total: 2_000_000, otherSites: DOWNLOAD } })
  expect((await office.cli('status')).stdout).toContain('caps now  download total 2.0 MB/s, otherSites 1.0 MB/s\n')
  const excess = await excessOf(office, 'wanBytes', DOWNLOAD)
  expect(excess).toBeLessThanOrEqual(DOWNLOAD_AT_ONCE)
  expect((await office.status()).counters.wanBytes).toBeGreaterThanOrEqual(SIZE)
})
