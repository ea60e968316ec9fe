import {
  type SampleHub,
  addSampleRepos,
  buildRepo,
  buildSampleRepos,
  commitNext,
  createSampleHub,
  differencesFrom,
} from '@hubmesh/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pythonClient } from './python-client.ts'

/** The first run on a machine installs torch. */
const FIRST_RUN_MS = 20 * 60_000

const ODD = 'hubmesh-samples/odd-names'
const REPOS = [
  ['model', 'hubmesh-samples/tiny-bert'],
  ['model', 'hubmesh-samples/tiny-sovits'],
  ['dataset', 'hubmesh-samples/tiny-sayings'],
  ['model', ODD],
] as const

let hub: SampleHub
/** Each sample repo's first commit, by name: `main` is at the next one. */
const first = new Map<string, string>()

beforeAll(async () => {
  hub = await createSampleHub()
  const repos = await buildSampleRepos()
  await addSampleRepos(hub, repos)
  await hub.addRepo(ODD, { files: buildRepo({ seed: 'odd' }) })
  for (const [type, id] of REPOS) first.set(id, hub.sha({ type, id }))
  await commitNext(hub, repos)
})

afterAll(() => hub.stop())

describe.each(['huggingface_hub 2.0.0', 'huggingface_hub 1.33.0'] as const)('%s', (set) => {
  test(
    'snapshot_download gets every repo byte by byte, at both commits',
    { timeout: FIRST_RUN_MS },
    async (context) => {
      const client = await pythonClient(context, set, hub.url)
      for (const [type, id] of REPOS) {
        for (const revision of [first.get(id)!, 'main']) {
          const folder = await client.script('huggingface-hub/snapshot.py', type, id, revision)
          expect(await differencesFrom(hub.source({ type, id }, revision), folder)).toEqual([])
        }
      }
    },
  )

  test('hf download gets a dataset byte by byte', { timeout: FIRST_RUN_MS }, async (context) => {
    const client = await pythonClient(context, set, hub.url)
    const [, id] = REPOS[2]
    await client.hf('download', '--repo-type', 'dataset', id)
    const snapshot = `${client.home}/hub/datasets--${id.replace('/', '--')}/snapshots/${hub.sha(`dataset:${id}`)}`
    expect(await differencesFrom(hub.source(`dataset:${id}`), snapshot)).toEqual([])
  })
})

describe('transformers 5.18.0', () => {
  const [, bert] = REPOS[0]
  const [, sovits] = REPOS[1]
  const [, sayings] = REPOS[2]

  test('loads the model and its tokenizer, and sees what was trained', { timeout: FIRST_RUN_MS }, async (context) => {
    const client = await pythonClient(context, 'transformers 5.18.0', hub.url)
    const load = async (revision: string): Promise<{ mean: number }> =>
      JSON.parse(await client.script('transformers/load.py', bert, revision))
    const before = await load(first.get(bert)!)
    const after = await load('main')
    const same = { tokens: ['[CLS]', 'h', '##e', '##l', '##lo', '世', '界', '[SEP]'], parameters: 10_723_584 }
    expect(before).toMatchObject({ ...same, shape: [1, 8, 256] })
    expect(after).toMatchObject({ ...same, shape: [1, 8, 256] })
    expect(after.mean).not.toBe(before.mean)
  })

  test('torch.load reads the checkpoints without running code', { timeout: FIRST_RUN_MS }, async (context) => {
    const client = await pythonClient(context, 'transformers 5.18.0', hub.url)
    const paths = [...hub.source(sovits).keys()].filter((path) => /\.(?:pth|ckpt)$/.test(path))
    expect(paths).toHaveLength(3)
    for (const path of paths) {
      const read = JSON.parse(await client.script('transformers/checkpoint.py', sovits, 'main', path))
      expect(read).toMatchObject({ finite: true })
      if (path.includes('s2G')) expect(read.shapes['dec.ups.0.weight']).toEqual([256, 128, 16])
    }
  })

  test('load_dataset reads the rows, and the inserted ones', { timeout: FIRST_RUN_MS }, async (context) => {
    const client = await pythonClient(context, 'transformers 5.18.0', hub.url)
    const load = async (revision: string): Promise<unknown> =>
      JSON.parse(await client.script('transformers/dataset.py', sayings, revision))
    expect(await load(first.get(sayings)!)).toMatchObject({ rows: { train: 80_000 }, tenth: { id: 'dialogue-10' } })
    expect(await load('main')).toMatchObject({ rows: { train: 80_020 }, tenth: { id: 'inserted-0' } })
  })
})
