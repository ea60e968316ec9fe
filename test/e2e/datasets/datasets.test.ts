import { hash } from 'node:crypto'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect } from 'vitest'
import { expectCached } from '../matrix/cached.ts'
import { type Scene, clientMatrix } from '../matrix/client-matrix.ts'
import { type PythonClient, pythonClient } from '../python-client.ts'

const ID = 'clients/rows'
const REPO = `dataset:${ID}`
const ROWS = 30_000
const OLD_ROWS = 500

interface Row {
  readonly id: number
  readonly text: string
  readonly label: number
}

const makeRows = (count: number): Row[] =>
  Array.from({ length: count }, (_, id) => {
    return { id, text: `row ${id} says ${'今天天气很好 '.repeat(id % 5)}${hash('sha1', String(id))}`, label: id % 7 }
  })

const FORMATS = {
  parquet: (rows: readonly Row[]): Uint8Array => {
    const columnData = [
      { name: 'id', data: Int32Array.from(rows, ({ id }) => id), type: 'INT32' as const },
      { name: 'text', data: rows.map(({ text }) => text), type: 'STRING' as const },
      { name: 'label', data: Int32Array.from(rows, ({ label }) => label), type: 'INT32' as const },
    ]
    return Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize: 5_000 }))
  },
  csv: (rows: readonly Row[]): string => `id,text,label\n${rows.map(line).join('')}`,
  jsonl: (rows: readonly Row[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
}

const line = ({ id, text, label }: Row): string => `${id},${text},${label}\n`

const filesOf = (count: number) =>
  Object.fromEntries(
    Object.entries(FORMATS).map(([format, write]) => [`${format}/train.${format}`, write(makeRows(count))]),
  )

const CARD = `---
configs:
- config_name: default
  data_files: parquet/train.parquet
---
`

const told = (count: number): unknown => ({ rows: count, sha256: hash('sha256', makeRows(count).map(line).join('')) })

const user = ({ context, endpoint }: Scene): Promise<PythonClient> => pythonClient(context, 'datasets 5.0.1', endpoint)

const load = async (scene: Scene): Promise<void> => {
  const python = await user(scene)
  expect(await python.ask('datasets/load.py', ID, 'load')).toEqual({
    'as its card says': told(ROWS),
    csv: told(ROWS),
    jsonl: told(ROWS),
    'at a tag': told(OLD_ROWS),
    'by URL': told(ROWS),
  })
  await expectCached(scene.hub, python, { repo: REPO, paths: Object.keys(filesOf(1)) })
  await expectCached(scene.hub, python, { repo: REPO, revision: 'v1', paths: ['csv/train.csv'] })
}

const stream = async (scene: Scene): Promise<void> =>
  expect(await (await user(scene)).ask('datasets/load.py', ID, 'stream')).toEqual({
    'as its card says': told(ROWS),
    csv: told(ROWS),
    jsonl: told(ROWS),
    'the first rows': told(100),
    pandas: told(ROWS),
  })

clientMatrix(
  [
    {
      name: 'datasets',
      version: '5.0.1',
      exercises: {
        'load_dataset(streaming=True) of Parquet, CSV, JSON Lines; pandas on `hf://`': stream,
        'load_dataset of Parquet, CSV, JSON Lines, at a tag, of an `hf://` file': load,
      },
    },
  ],
  async (hub) => {
    await hub.addRepo(REPO, { files: { 'README.md': CARD, ...filesOf(OLD_ROWS) } })
    hub.tag(REPO, 'v1')
    await hub.commit(REPO, filesOf(ROWS), { message: 'More rows' })
    return [REPO, `${REPO}@refs/tags/v1`]
  },
)
