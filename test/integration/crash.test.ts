/**
 * Killed and stopped in the middle of things, as real processes: what was fetched is not fetched again, and no reader ever
 * sees a wrong byte. The Hub and the link to the seed are slowed down, so that the middle can be watched for.
 */
import { randomInt } from 'node:crypto'
import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB, type NodeStatus } from '@hubmesh/content'
import { type HubFile, type SampleHub, createSampleHub, differencesFrom } from '@hubmesh/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CheckedRead, type ReadRange, readChecked } from './checked-read.ts'
import { type Swarm, type SwarmNode, createSwarm, download, runCli, startCli } from './local-swarm.ts'
import { type SlowLink, createSlowLink } from './slow-link.ts'

const REPO = 'acme/large'
const LARGE = 'model.safetensors'
const SIZE = 96 * MIB
const MORE_SIZE = 48 * MIB
/** What a kill may cost: received, but not durable yet. */
const LOSS = 16 * MIB
/** Slow enough to be caught in the middle by a look each 100 ms. */
const HUB_RATE = 32 * MIB
const LINK_RATE = 24 * MIB

let hub: SampleHub
let swarm: Swarm
let seed: SwarmNode
let link: SlowLink

beforeAll(async () => {
  hub = await createSampleHub()
  await hub.addRepo(REPO, { files: { 'config.json': '{}', [LARGE]: { seed: 'large', size: SIZE } } })
  hub.faults.add({ kind: 'throttle', on: 'cdn', bytesPerSecond: HUB_RATE })
  swarm = await createSwarm()
  seed = await swarm.startSeed({ upstream: hub.url, mirror: [REPO] })
  link = await createSlowLink(seed, LINK_RATE)
})

afterAll(async () => {
  await swarm?.stop()
  await link?.stop()
  await hub?.stop()
})

const fileOf = (path: string): HubFile => {
  const file = hub.source(REPO).get(path)
  if (file === undefined) throw new Error(`the repo has no ${path}`)
  return file
}
const urlOf = (node: SwarmNode, path = LARGE): string => `${node.gateway}/${REPO}/resolve/main/${path}`
const read = (node: SwarmNode, range?: ReadRange): Promise<CheckedRead> =>
  readChecked(urlOf(node), fileOf(LARGE), range && { range })

const ingested = ({ mirrors }: NodeStatus): number => mirrors[0]?.bytesDone ?? 0
const received = ({ counters }: NodeStatus): number => counters.wanBytes + counters.siteBytes
const fetched = ({ transfers }: NodeStatus): number => transfers.find(({ path }) => path === LARGE)?.done ?? 0
const isComplete = ({ repos }: NodeStatus): boolean => repos.some(({ id, complete }) => id === REPO && complete)

/** Ctrl-C and `kill`: within 10 s, exit code 0, and nothing left that says it runs. */
const expectCleanStop = async (node: SwarmNode, signal: 'SIGINT' | 'SIGTERM'): Promise<void> => {
  const start = performance.now()
  expect(await node.stop(signal), node.log()).toBe(0)
  expect(performance.now() - start).toBeLessThan(10_000)
  await expect(access(join(node.home, 'run.json'))).rejects.toMatchObject({ code: 'ENOENT' })
}

const expectWhole = async (node: SwarmNode): Promise<void> => {
  const { sha256 } = fileOf(LARGE)
  expect(await download(urlOf(node))).toMatchObject({ status: 200, bytes: SIZE, sha256 })
}

/** The beginning, the end, and places between, also such as have not come yet. */
const expectRanges = async (node: SwarmNode): Promise<void> => {
  const length = 200_000
  const starts = [0, SIZE - length, ...Array.from({ length: 3 }, () => randomInt(SIZE - length))]
  const got = await Promise.all(starts.map((start) => read(node, { start, end: start + length })))
  for (const answer of got) expect(answer).toMatchObject({ status: 206, bytes: length, isWhole: true })
}

/** An office that reaches the seed over the slow link. Only one runs at a time, so that all comes over the link. */
const startOffice = async (name: string): Promise<SwarmNode> => {
  link.setRate(LINK_RATE)
  return swarm.startOffice(name, { ticket: await link.ticket() })
}

describe('a seed in the middle of an ingest', () => {
  it('is killed, goes on, and fetches at most 16 MiB twice', async () => {
    const before = await seed.waitFor('the middle of the ingest', (now) => ingested(now) > SIZE * 0.5)
    expect(ingested(before)).toBeLessThan(SIZE)
    await seed.kill()
    const onItsWay = hub.bodyBytes - before.counters.upstreamBytes
    hub.faults.clear()
    await seed.restart()
    const { counters } = await seed.waitFor('the mirror', ({ mirrors }) => mirrors[0]?.state === 'idle')
    // All that the Hub has sent of files, but for what it had sent and the seed had not yet counted when it was killed.
    const twice = hub.bodyBytes - onItsWay - SIZE
    note('seed, killed', { twice, onItsWay, afterTheKill: counters.upstreamBytes })
    expect(twice).toBeLessThan(LOSS)
    expect(counters.upstreamBytes).toBeLessThan(SIZE * 0.5 + LOSS)
    await expectWhole(seed)
    await expectRanges(seed)
  })
})

describe('an office in the middle of a fetch', () => {
  it('is killed, goes on by itself, and fetches at most 16 MiB twice', async () => {
    const office = await startOffice('berlin')
    const linkBefore = link.bytes
    const config = 'config.json'
    expect(await readChecked(urlOf(office, config), fileOf(config))).toMatchObject({ isWhole: true })
    const reader = read(office)
    await office.waitFor('the first chunks', (now) => fetched(now) > 0)
    await expectRanges(office)
    const before = await office.waitFor('the middle of the fetch', (now) => fetched(now) > SIZE * 0.5)
    expect(fetched(before)).toBeLessThan(SIZE)
    await office.kill()
    const overLink = link.bytes - linkBefore
    expect(await reader).toMatchObject({ status: 200, isWhole: false })

    await office.restart()
    await office.waitFor('the fetch to go on, though nobody asks', (now) => received(now) > 0)
    await expectRanges(office)
    link.setRate(Infinity)
    const after = received(await office.waitFor('all of it', isComplete))
    // What came over the link in the first run, metadata and what only the kernel had included, is more than was received.
    const twice = overLink + after - SIZE
    note('office, killed', { twice, beforeTheKill: received(before), afterTheKill: after })
    expect(twice).toBeLessThan(LOSS)
    expect(after).toBeLessThan(SIZE * 0.5 + LOSS)
    await expectWhole(office)
    await expectRanges(office)
    expect(received(await office.status())).toBe(after)
    await expectCleanStop(office, 'SIGTERM')
  })

  it('stops on SIGINT and on SIGTERM with a reader waiting, and goes on by itself', async () => {
    const office = await startOffice('lisbon')
    const reader = read(office)
    await office.waitFor('a part of the fetch', (now) => fetched(now) > 16 * MIB)
    await expectCleanStop(office, 'SIGINT')
    expect(await reader).toMatchObject({ status: 200, isWhole: false })
    await office.restart()
    const again = await office.waitFor('the fetch to go on', (now) => fetched(now) > 16 * MIB && received(now) > 0)
    expect(fetched(again)).toBeLessThan(SIZE)
    await expectCleanStop(office, 'SIGTERM')
  })
})

describe('a pull that is a node of its own', () => {
  it('is killed; the next one goes on, and fetches at most 16 MiB twice', async () => {
    const [home, to] = [join(swarm.folder, 'porto'), join(swarm.folder, 'porto-files')]
    link.setRate(LINK_RATE)
    expect(await runCli(['join', await link.ticket(), '--site', 'porto', '--home', home])).toMatchObject({ code: 0 })
    const linkBefore = link.bytes
    const command = ['pull', REPO, '--to', to, '--home', home]
    const sent = ({ peers }: NodeStatus): number => peers.find(({ site }) => site === 'porto')?.bytesOut ?? 0

    const first = startCli(command)
    await seed.waitFor('the middle of the pull', (now) => sent(now) > SIZE * 0.5)
    first.kill()
    expect((await first.ended).code).toBe(null)
    const overLink = link.bytes - linkBefore
    expect(overLink).toBeLessThan(SIZE)
    await expect(readdir(to)).rejects.toMatchObject({ code: 'ENOENT' })
    const before = sent(await seed.status())

    link.setRate(Infinity)
    const { code, stdout, stderr } = await runCli(command)
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stdout).toContain('all verified')
    const after = sent(await seed.status()) - before
    const twice = overLink + after - SIZE
    note('pull, killed', { twice, afterTheKill: after })
    expect(twice).toBeLessThan(LOSS)
    expect(after).toBeLessThan(SIZE * 0.7)
    expect(await differencesFrom(hub.source(REPO), to)).toEqual([])
  })
})

describe('a seed that is told to stop in the middle of an ingest', () => {
  it('stops on SIGINT and on SIGTERM, goes on where it was, and fetches nothing twice', async () => {
    hub.resetCounters()
    hub.faults.add({ kind: 'throttle', on: 'cdn', bytesPerSecond: HUB_RATE })
    await hub.commit(REPO, { 'more.safetensors': { seed: 'more', size: MORE_SIZE } })
    const pulled = (now: NodeStatus): number => (now.mirrors[0]?.state === 'pulling' ? ingested(now) - SIZE : 0)
    let received = 0
    for (const [signal, part] of [
      ['SIGINT', 0.25],
      ['SIGTERM', 0.5],
    ] as const) {
      const now = await seed.waitFor('a part of the ingest', (now) => pulled(now) > MORE_SIZE * part)
      expect(pulled(now)).toBeLessThan(MORE_SIZE)
      await expectCleanStop(seed, signal)
      received = pulled(now)
      await seed.restart()
    }
    hub.faults.clear()
    const { counters } = await seed.waitFor('the commit', ({ mirrors }) => mirrors[0]?.revision === hub.sha(REPO))
    note('seed, stopped', { twice: hub.bodyBytes - MORE_SIZE, afterTheSecondStop: counters.upstreamBytes })
    expect(counters.upstreamBytes).toBeLessThanOrEqual(MORE_SIZE - received)
    const { path, sha256 } = fileOf('more.safetensors')
    // The branch moves at its own gateway a moment after it is published.
    await seed.waitFor('the branch to move', ({ repos }) => repos.some(({ revision }) => revision === hub.sha(REPO)))
    expect(await download(urlOf(seed, path))).toMatchObject({ status: 200, bytes: MORE_SIZE, sha256 })
  })
})

/** Figures for who reads the tests' output, in MiB. */
const note = (what: string, bytes: Readonly<Record<string, number>>): void =>
  console.info(what, Object.fromEntries(Object.entries(bytes).map(([name, count]) => [name, count / MIB])))
