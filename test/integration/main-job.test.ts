/** The main job, end to end: a seed and two offices as real processes, a sample Hub, plain HTTP clients. */
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type SampleHub, createSampleHub } from '@hubmesh/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Swarm, type SwarmNode, createSwarm, download } from './local-swarm.ts'

const REPO = 'acme/voice'
const DATASET = 'dataset:acme/rows'
const MB = 1_000_000

let hub: SampleHub
let swarm: Swarm
let seed: SwarmNode
let berlin: SwarmNode
let lisbon: SwarmNode

beforeAll(async () => {
  hub = await createSampleHub()
  await hub.addRepo(REPO, {
    files: {
      'README.md': '# Voice\n',
      'config.json': '{"hidden_size": 8}\n',
      empty: '',
      'sub folder/ünïcode + &.txt': 'a path that must be encoded',
      'model.safetensors': { seed: 'model', size: 12 * MB },
      's1.ckpt': { seed: 's1', size: 5 * MB + 1 },
    },
  })
  await hub.addRepo(DATASET, { files: { 'data/train.jsonl': '{"a": 1}\n'.repeat(100_000) } })
  swarm = await createSwarm()
  seed = await swarm.startSeed({ upstream: hub.url, mirror: [REPO, DATASET] })
  await seed.waitFor(
    'the first mirror',
    ({ mirrors }) => mirrors.length === 2 && mirrors.every(({ state }) => state === 'idle'),
  )
  const ticket = await seed.ticket()
  berlin = await swarm.startOffice('berlin', { ticket })
  lisbon = await swarm.startOffice('lisbon', { ticket })
})

afterAll(async () => {
  await swarm?.stop()
  await hub?.stop()
})

const prefixOf = (repo: string): string => repo.replace(/^dataset:/, 'datasets/')
const urlOf = (node: SwarmNode, repo: string, path: string): string =>
  `${node.gateway}/${prefixOf(repo)}/resolve/main/${path.split('/').map(encodeURIComponent).join('/')}`

/** Every file of the repo, through the node's gateway, as the Hub has it now. */
const expectExact = async (node: SwarmNode, repo: string, files = hub.source(repo)): Promise<void> => {
  for (const { path, size, sha256 } of files.values()) {
    const got = await download(urlOf(node, repo, path))
    expect({ path, status: got.status, bytes: got.bytes, sha256: got.sha256 }).toEqual({
      path,
      status: 200,
      bytes: size,
      sha256,
    })
  }
}

describe('a seed and two offices', () => {
  it('know one another, and say so', async () => {
    const status = await berlin.waitFor('a connection', ({ ready }) => ready.ready)
    expect(status).toMatchObject({ role: 'peer', site: 'berlin', peerId: berlin.peerId })
    expect(status.peers).toContainEqual(expect.objectContaining({ peerId: seed.peerId, site: 'seed', connected: true }))
    const id = JSON.parse((await berlin.cli('id', '--json')).stdout) as unknown
    expect(id).toMatchObject({ peerId: berlin.peerId, role: 'peer', site: 'berlin', gateway: berlin.gateway })
    expect(await fetch(`${berlin.gateway}/-/readyz`)).toMatchObject({ status: 200 })
    expect((await seed.status()).role).toBe('seed')
  })

  it('give every file byte-exact through a cold office, fetched from the seed', async () => {
    await expectExact(berlin, REPO)
    await expectExact(berlin, DATASET)
    const { counters } = await berlin.status()
    expect(counters.upstreamBytes).toBe(0)
    expect(counters.wanBytes).toBeGreaterThan(17 * MB)
    const held = await seed.status()
    expect(held.counters.upstreamBytes).toBeLessThan(19 * MB)
  })

  it('serve one another: the second office also takes from the first', async () => {
    await expectExact(lisbon, REPO)
    const { peers } = await lisbon.status()
    const fromBerlin = peers.find(({ peerId }) => peerId === berlin.peerId)
    expect(fromBerlin?.connected).toBe(true)
    expect(fromBerlin?.bytesIn).toBeGreaterThan(0)
  })

  it('answer ranges of a file', async () => {
    const response = await fetch(urlOf(berlin, REPO, 'model.safetensors'), {
      headers: { range: 'bytes=5000000-5000099' },
    })
    expect(response.status).toBe(206)
    const whole = Buffer.from(await (await fetch(urlOf(seed, REPO, 'model.safetensors'))).arrayBuffer())
    expect(Buffer.from(await response.arrayBuffer())).toEqual(whole.subarray(5_000_000, 5_000_100))
  })

  it('list what there is', async () => {
    const repos = JSON.parse((await berlin.cli('repos', '--json')).stdout) as unknown
    expect(repos).toContainEqual(
      expect.objectContaining({ type: 'model', id: REPO, ref: 'main', revision: hub.sha(REPO), complete: true }),
    )
    const peers = JSON.parse((await berlin.cli('peers', '--json')).stdout) as unknown[]
    expect(peers.length).toBeGreaterThanOrEqual(2)
    expect((await berlin.cli('status')).stdout).toContain(REPO)
  })

  it('pull into a folder, through the running node', async () => {
    const to = await mkdtemp(join(tmpdir(), 'hubmesh-pull-'))
    try {
      const { code, stdout, stderr } = await lisbon.cli('pull', DATASET, '--to', to, '--json')
      expect({ code, stderr }).toMatchObject({ code: 0 })
      expect(JSON.parse(stdout)).toMatchObject({ repo: DATASET, revision: hub.sha(DATASET), files: 1, to })
      const [file] = hub.source(DATASET).values()
      const bytes = await readFile(join(to, 'data/train.jsonl'))
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(file?.sha256)
    } finally {
      await rm(to, { recursive: true, force: true })
    }
  })

  it('move only what changed when a second commit arrives', async () => {
    const before = (await berlin.status()).counters
    await hub.commit(REPO, {
      's1.ckpt': null,
      'new.txt': 'came with the second commit',
      'model.safetensors': {
        parts: [{ seed: 'model', size: MB }, 'inserted near the front', { seed: 'model', size: 11 * MB, offset: MB }],
      },
    })
    const moved = await berlin.waitFor('the second commit', ({ repos }) =>
      repos.some(({ id, revision }) => id === REPO && revision === hub.sha(REPO)),
    )
    await expectExact(berlin, REPO)
    expect(moved.counters.wanBytes - before.wanBytes).toBeLessThan(3 * MB)
    expect((await download(urlOf(berlin, REPO, 's1.ckpt'))).status).toBe(404)
  })

  it('serve on when the Hub is gone: what the office holds, and what only the seed holds', async () => {
    await lisbon.waitFor('the second commit', ({ repos }) =>
      repos.some(({ id, revision }) => id === REPO && revision === hub.sha(REPO)),
    )
    const [repo, rows] = [hub.source(REPO), hub.source(DATASET)]
    await hub.stop()
    try {
      await expectExact(berlin, REPO, repo)
      await expectExact(lisbon, REPO, repo)
      await expectExact(lisbon, DATASET, rows)
    } finally {
      await hub.start()
    }
  })

  it('go on after a restart, and after a kill', async () => {
    await berlin.kill()
    await berlin.restart()
    const upstream = (await berlin.status()).counters
    await expectExact(berlin, REPO)
    expect((await berlin.status()).counters.wanBytes - upstream.wanBytes).toBeLessThan(MB)
    expect(await lisbon.stop()).toBe(0)
    await lisbon.restart()
    await expectExact(lisbon, REPO)
  })
})

describe('a pull where no node runs', () => {
  it('is one for as long as it takes', async () => {
    const ticket = await seed.ticket()
    const porto = await swarm.startOffice('porto', { ticket })
    expect(await porto.stop()).toBe(0)
    const to = join(swarm.folder, 'porto-files')
    const { code, stdout, stderr } = await porto.cli('pull', REPO, '--to', to, '--include', '*.txt')
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stdout).toContain('all verified')
    expect(await readFile(join(to, 'new.txt'), 'utf8')).toBe('came with the second commit')
    expect((await porto.cli('status')).code).toBe(1)
  })
})

describe('publishing', () => {
  it('makes a folder a repo that an office serves', async () => {
    const published = await seed.cli(
      'publish',
      join(swarm.folder, 'porto-files'),
      'in-house/own',
      '-m',
      'First',
      '--json',
    )
    expect({ code: published.code, stderr: published.stderr }).toEqual({ code: 0, stderr: expect.any(String) })
    const { revision } = JSON.parse(published.stdout) as { revision: string }
    await berlin.waitFor('the published repo', ({ repos }) => repos.some((repo) => repo.id === 'in-house/own'))
    const got = await fetch(urlOf(berlin, 'in-house/own', 'new.txt'))
    expect(got.headers.get('x-repo-commit')).toBe(revision)
    expect(await got.text()).toBe('came with the second commit')
  })
})
