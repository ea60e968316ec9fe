/** The clients that people have, unchanged, through an office's gateway: a sample Hub, a seed and offices as real processes. */
import { type SampleHub, differencesFrom } from '@hubmesh/testing'
import { type TestContext, afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Swarm, type SwarmNode, createSwarm } from '../integration/local-swarm.ts'
import { FIRST_RUN_MS } from './clients.ts'
import { type PythonClient, pythonClient } from './python-client.ts'
import {
  BERT,
  ODD,
  REPOS,
  SAYINGS,
  SOVITS,
  type SampleRepos,
  sampleRepos,
  snapshots,
  typeAndId,
} from './sample-repos.ts'

const MODELS = [BERT, SOVITS, ODD]
const HUB_CLIENTS = ['huggingface_hub 2.0.0', 'huggingface_hub 1.33.0'] as const
/** Seconds, where the machine is not shared. */
const SETUP_MS = 170_000
const TRANSFORMERS = 'transformers 5.18.0'

let sample: SampleRepos
let hub: SampleHub
let swarm: Swarm
let seed: SwarmNode
/** Cold until the first test. */
let berlin: SwarmNode
/** Cold until the Hub is gone. */
let lisbon: SwarmNode
/** Each repo's first commit. */
const first = new Map<string, string>()

beforeAll(async () => {
  sample = await sampleRepos()
  hub = sample.hub
  for (const repo of REPOS) first.set(repo, hub.sha(repo))
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
    const [type, id] = typeAndId(repo)
    const folder = `${client.home}/hub/${type}s--${id.replace('/', '--')}/snapshots/${hub.sha(repo)}`
    expect(await differencesFrom(hub.source(repo), folder)).toEqual([])
  }
}

/** A user of each version. */
const clientsOf = (context: TestContext, ...offices: SwarmNode[]): Promise<PythonClient[]> =>
  Promise.all(
    HUB_CLIENTS.map((set, index) => pythonClient(context, set, offices[index % offices.length]?.gateway ?? '')),
  )

/** So that two that fail alike are not taken for right. */
const KNOWN_ANSWERS = {
  info: { private: false, card_data: { language: expect.any(Array) } },
  'repo there': [true, false],
  'revision there': [true, false],
  'file there': [true, false],
  'no such file': 'RemoteEntryNotFoundError',
  'no such revision': 'RevisionNotFoundError',
  'no such repo': 'RepositoryNotFoundError',
}

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

  test('are told by an office what the Hub tells', async (context) => {
    const [model, dataset] = [typeAndId(SOVITS), typeAndId(SAYINGS)]
    const files = [...model, '配置/推理 设置.json', ...dataset, 'data/dialogues/train.jsonl']
    for (const set of HUB_CLIENTS) {
      const [ours, theirs] = await Promise.all(
        [berlin.gateway, hub.url].map(async (endpoint) => {
          const client = await pythonClient(context, set, endpoint)
          return JSON.parse(await client.script('huggingface-hub/api.py', ...files)) as Record<string, unknown>[]
        }),
      )
      expect(ours).toEqual(theirs)
      for (const answers of ours ?? []) expect(answers).toMatchObject(KNOWN_ANSWERS)
    }
  })

  test('get everything through another cold office, with the Hub gone', async (context) => {
    const clients = await clientsOf(context, lisbon)
    await hub.stop()
    await Promise.all(clients.map((client) => expectExact(client, MODELS)))
    const { counters, peers } = await lisbon.status()
    expect(counters.wanBytes).toBeGreaterThan(0.9 * bytesOf(REPOS))
    expect(peers.find(({ peerId }) => peerId === berlin.peerId)?.bytesIn).toBeGreaterThan(0)
  })

  test('get what a warm office has, with the seed gone as well', async (context) => {
    const clients = await clientsOf(context, berlin)
    expect(await seed.stop()).toBe(0)
    const before = (await berlin.status()).counters
    await Promise.all(clients.map((client) => expectExact(client, [ODD])))
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

describe.concurrent('transformers 5.18.0, torch and datasets', { timeout: FIRST_RUN_MS }, () => {
  const ask = async (context: TestContext, script: string, repo: string, ...args: string[]): Promise<unknown> => {
    const client = await pythonClient(context, TRANSFORMERS, berlin.gateway)
    const [, id] = typeAndId(repo)
    return JSON.parse(await client.script(`transformers/${script}`, id, ...args)) as unknown
  }

  test('AutoModel and AutoTokenizer load the model, and see what was trained', async (context) => {
    const { expect } = context
    const [before, after] = (await ask(context, 'load.py', BERT, first.get(BERT) ?? '', 'main')) as { mean: number }[]
    const same = { tokens: ['[CLS]', 'h', '##e', '##l', '##lo', '世', '界', '[SEP]'], parameters: 10_723_584 }
    expect(before).toMatchObject({ ...same, shape: [1, 8, 256] })
    expect(after).toMatchObject({ ...same, shape: [1, 8, 256] })
    expect(after?.mean).not.toBe(before?.mean)
  })

  test('torch.load reads the checkpoints without running code', async (context) => {
    const paths = [...hub.source(SOVITS).keys()].filter((path) => /\.(?:pth|ckpt)$/.test(path))
    expect(paths).toHaveLength(3)
    const read = (await ask(context, 'checkpoint.py', SOVITS, 'main', ...paths)) as Record<string, unknown>
    expect(Object.keys(read)).toEqual(paths)
    for (const checkpoint of Object.values(read)) expect(checkpoint).toMatchObject({ finite: true })
    expect(read['gsv-v2final-pretrained/s2G2333k.pth']).toMatchObject({
      shapes: { 'dec.ups.0.weight': [256, 128, 16] },
    })
  })

  test('load_dataset reads the rows, and the inserted ones', async (context) => {
    expect(await ask(context, 'dataset.py', SAYINGS, first.get(SAYINGS) ?? '', 'main')).toEqual([
      { rows: { train: 80_000 }, tenth: expect.objectContaining({ id: 'dialogue-10' }) },
      { rows: { train: 80_020 }, tenth: expect.objectContaining({ id: 'inserted-0' }) },
    ])
  })
})
