import { addSampleRepos, commitNext, tinyBert, tinySovits } from '@hubmesh/testing'
import { expect } from 'vitest'
import { expectCached } from '../matrix/cached.ts'
import { type Scene, clientMatrix } from '../matrix/client-matrix.ts'
import { type PythonClient, pythonClient } from '../python-client.ts'
import { BERT, SOVITS } from '../sample-repos.ts'
import { shards } from './shards.ts'

const SHARDED = 'hubmesh-samples/tiny-bert-sharded'
const WHOLE = 'model.safetensors'

const user = ({ context, endpoint }: Scene): Promise<PythonClient> =>
  pythonClient(context, 'transformers 5.18.0', endpoint)

interface Loaded {
  readonly mean: number
}

const KNOWN = {
  type: 'bert',
  tokens: ['[CLS]', 'h', '##e', '##l', '##lo', '世', '界', '[SEP]'],
  parameters: 10_723_584,
  shape: [1, 8, 256],
}

/** The model at its first commit, then at its next, where one layer is trained. */
const load = async (scene: Scene): Promise<void> => {
  const python = await user(scene)
  const [before, after] = (await python.ask('transformers/load.py', `${BERT}@first`, `${BERT}@main`)) as Loaded[]
  expect(before).toMatchObject(KNOWN)
  expect(after).toMatchObject(KNOWN)
  expect(after?.mean).not.toBe(before?.mean)
  for (const revision of ['first', 'main'])
    await expectCached(scene.hub, python, { repo: BERT, revision, paths: ['config.json', 'tokenizer.json', WHOLE] })
}

/** The same weights in two files. */
const loadShards = async (scene: Scene): Promise<void> => {
  const python = await user(scene)
  const [whole, sharded] = (await python.ask('transformers/load.py', `${BERT}@first`, `${SHARDED}@main`)) as Loaded[]
  expect(sharded).toMatchObject(KNOWN)
  expect(sharded).toEqual(whole)
  const paths = [...scene.hub.source(SHARDED).keys()].filter((path) => path.includes('safetensors'))
  expect(paths).toHaveLength(3)
  await expectCached(scene.hub, python, { repo: SHARDED, paths })
}

const readCheckpoints = async (scene: Scene): Promise<void> => {
  const python = await user(scene)
  const paths = [...scene.hub.source(SOVITS).keys()].filter((path) => /\.(?:pth|ckpt)$/.test(path))
  expect(paths).toHaveLength(3)
  const read = (await python.ask('transformers/checkpoint.py', SOVITS, 'main', ...paths)) as Record<string, unknown>
  expect(Object.keys(read)).toEqual(paths)
  for (const checkpoint of Object.values(read)) expect(checkpoint).toMatchObject({ finite: true })
  expect(read['gsv-v2final-pretrained/s2G2333k.pth']).toMatchObject({ shapes: { 'dec.ups.0.weight': [256, 128, 16] } })
  await expectCached(scene.hub, python, { repo: SOVITS, paths })
}

clientMatrix(
  [
    {
      name: 'transformers',
      version: '5.18.0',
      exercises: {
        'AutoConfig, AutoTokenizer, AutoModel, at a tag and on main': load,
        'AutoModel of sharded safetensors': loadShards,
        '`torch.load` of what hf_hub_download got': readCheckpoints,
      },
    },
  ],
  async (hub) => {
    const bert = tinyBert()
    await addSampleRepos(hub, [bert, await tinySovits()])
    const { [WHOLE]: weights = '', ...rest } = bert.files
    await hub.addRepo(SHARDED, { files: { ...rest, ...(await shards(weights ?? '')) } })
    hub.tag(BERT, 'first')
    await commitNext(hub, [bert])
    return [`${BERT}@refs/tags/first`, BERT, SHARDED, SOVITS]
  },
)
