import { join } from 'node:path'
import { addSampleRepos, commitNext, differencesFrom, tinyBert } from '@hubmesh/testing'
import { expect } from 'vitest'
import { type NodeSet, nodeModules } from '../clients.ts'
import { type Scene, clientMatrix } from '../matrix/client-matrix.ts'
import { BERT } from '../sample-repos.ts'
import { scriptUser } from '../script-user.ts'

const SET: NodeSet = '@huggingface/transformers 4.3.1'
const FILES = ['config.json', 'tokenizer.json', 'tokenizer_config.json']

const load =
  (revision: string) =>
  async ({ context, hub, endpoint }: Scene): Promise<void> => {
    const user = await scriptUser(context, endpoint, { modules: await nodeModules(context, SET) })
    expect(await user.ask('transformers-js/tokenize.mjs', BERT, revision)).toEqual({
      type: 'bert',
      tokens: ['[CLS]', 'h', '##e', '##l', '##lo', '世', '界', '[SEP]'],
    })
    const wanted = new Map([...hub.source(BERT, revision)].filter(([path]) => FILES.includes(path)))
    const folder = join(user.home, 'cache', BERT, revision === 'main' ? '' : revision)
    expect(await differencesFrom(wanted, folder)).toEqual([])
  }

clientMatrix(
  [
    {
      name: '@huggingface/transformers',
      version: '4.3.1',
      exercises: {
        'AutoConfig, AutoTokenizer': load('main'),
        'the same at a tag': load('first'),
      },
    },
  ],
  async (hub) => {
    const bert = tinyBert()
    await addSampleRepos(hub, [bert])
    hub.tag(BERT, 'first')
    await commitNext(hub, [bert])
    return [`${BERT}@refs/tags/first`, BERT]
  },
)
