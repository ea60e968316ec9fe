/**
 * The Hub's own client, unchanged, through offices' gateways: a sample Hub, a seed and offices as real processes. What each
 * client does and gets stands in the matrix of `npx -y pnpm@12 test:clients`; here it is the offices that are looked at.
 */
import { type SampleHub, differencesFrom } from '@hubmesh/testing'
import { type TestContext, afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Swarm, type SwarmNode, createSwarm } from '../integration/local-swarm.ts'
import { FIRST_RUN_MS } from './clients.ts'
import { type PythonClient, pythonClient, typeAndId } from './python-client.ts'
import { BERT, ODD, REPOS, SAYINGS, SOVITS, type SampleRepos, sampleRepos, snapshots } from './sample-repos.ts'

const MODELS = [BERT, SOVITS, ODD]
const HUB_CLIENTS = ['huggingface_hub 2.0.0', 'huggingface_hub 1.33.0'] as const
/** Seconds, where the machine is not shared. */
const SETUP_MS = 170_000

let sample: SampleRepos
let hub: SampleHub
let swarm: Swarm
let seed: SwarmNode
/** Cold until the first test. */
let berlin: SwarmNode
/** Cold until the Hub is gone. */
let lisbon: SwarmNode

beforeAll(async () => {
  sample = await sampleRepos()
  hub = sample.hub
  swarm = await createSwarm()
  seed = await swarm.startSeed({ upstream: hub.url, mirror: REPOS })
  await isMirrored()
  const ticket = await seed.ticket()
  ;[berlin, lisbon] = await Promise.all([
    swarm.startOffice('berlin', { ticket }),
    swarm.startOffice('lisbon', { ticket }),
  ])
})

afterAll(async () => {
  await swarm?.stop()
  await hub?.stop()
})

const isMirrored = (): Promise<unknown> =>
  seed.waitFor(
    'the mirror',
    ({ mirrors, repos }) =>
      mirrors.length === REPOS.length &&
      mirrors.every(({ state }) => state === 'idle') &&
      REPOS.every((repo) => repos.some(({ revision, complete }) => complete && revision === hub.sha(repo))),
    SETUP_MS,
  )

const bytesOf = (repos: readonly string[]): number =>
  repos.flatMap((repo) => [...hub.source(repo).values()]).reduce((sum, { size }) => sum + size, 0)

/** Downloads `main` of the models, and the dataset by the command, and compares every byte with the Hub's. */
const expectExact = async (client: PythonClient, models: readonly string[]): Promise<void> => {
  const [, dataset] = typeAndId(SAYINGS)
  await client.hf('download', '--repo-type', 'dataset', dataset)
  await snapshots(
    client,
    models.map((model) => [model, 'main']),
  )
  for (const repo of [SAYINGS, ...models]) {
    expect(await differencesFrom(hub.source(repo), client.snapshot(repo, hub.sha(repo)))).toEqual([])
  }
}

/** A user of each version. */
const clientsOf = (context: TestContext, ...offices: SwarmNode[]): Promise<PythonClient[]> =>
  Promise.all(
    HUB_CLIENTS.map((set, index) => pythonClient(context, set, offices[index % offices.length]?.gateway ?? '')),
  )

describe('huggingface_hub 2.0.0 and 1.33.0', { timeout: FIRST_RUN_MS }, () => {
  test('get everything through a cold office, both at once, and the office fetches it once', async (context) => {
    const clients = await clientsOf(context, berlin)
    hub.resetCounters()
    await Promise.all(clients.map((client) => expectExact(client, MODELS)))
    const { counters } = await berlin.status()
    expect(counters.wanBytes).toBeGreaterThan(0.9 * bytesOf(REPOS))
    expect(counters.wanBytes).toBeLessThan(1.05 * bytesOf(REPOS))
    expect({ office: counters.upstreamBytes, hub: hub.bodyBytes }).toEqual({ office: 0, hub: 0 })
  })

  test('get what another cold office fetches with the Hub gone', async (context) => {
    const client = await pythonClient(context, 'huggingface_hub 2.0.0', lisbon.gateway)
    await hub.stop()
    await expectExact(client, [ODD])
    const { counters, peers } = await lisbon.status()
    expect(counters.wanBytes).toBeGreaterThan(0.9 * bytesOf([SAYINGS, ODD]))
    expect(peers.find(({ peerId }) => peerId === berlin.peerId)?.bytesIn).toBeGreaterThan(0)
  })

  test('get what a warm office has, with the seed gone as well', async (context) => {
    const client = await pythonClient(context, 'huggingface_hub 1.33.0', berlin.gateway)
    expect(await seed.stop()).toBe(0)
    const before = (await berlin.status()).counters
    await expectExact(client, [ODD])
    expect((await berlin.status()).counters.wanBytes).toBe(before.wanBytes)
  })

  test('get it through an office that joins when both are gone', async (context) => {
    const porto = await swarm.startOffice('porto', { ticket: await berlin.ticket() })
    const client = await pythonClient(context, 'huggingface_hub 2.0.0', porto.gateway)
    await expectExact(client, [ODD])
    expect(await porto.stop()).toBe(0)
  })

  test('see the next commit when it arrives, in the cache that they have', async (context) => {
    const clients = await clientsOf(context, berlin, lisbon)
    await Promise.all(clients.map((client) => expectExact(client, [SOVITS])))
    await hub.start()
    await seed.restart()
    await sample.commitNext()
    await isMirrored()
    await Promise.all([berlin, lisbon].map(hasArrived))
    await Promise.all(clients.map((client) => expectExact(client, [SOVITS])))
  })
})

const hasArrived = (office: SwarmNode): Promise<unknown> =>
  office.waitFor('the next commit', ({ repos }) =>
    REPOS.every((repo) => repos.some(({ revision }) => revision === hub.sha(repo))),
  )
