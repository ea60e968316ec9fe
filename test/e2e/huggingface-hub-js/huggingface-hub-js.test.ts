import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { differencesFrom, lfsPointer, readAll } from '@hubmesh/testing'
import { expect } from 'vitest'
import { type Scene, clientMatrix } from '../matrix/client-matrix.ts'
import { DATASET, PLAIN, MODEL, PRIVATE, SPACE, addHubRepos } from '../matrix/hub-repos.ts'
import { typeAndId } from '../python-client.ts'
import { type ScriptUser, scriptUser } from '../script-user.ts'

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url))
const FILE = 'data/1048577.bin'

const user = ({ context }: Scene, endpoint: string): Promise<ScriptUser> =>
  scriptUser(context, endpoint, { modules: MODULES })

const files =
  (revision: string) =>
  async (scene: Scene): Promise<void> => {
    const js = await user(scene, scene.endpoint)
    const source = scene.hub.source(PLAIN, revision)
    const file = source.get(FILE)
    if (file === undefined) throw new Error(`the repo has ${FILE}`)
    const bytes = Buffer.from(await readAll(file.content))
    const said = await js.ask('huggingface-hub-js/files.mjs', PLAIN, revision, FILE)
    expect(said).toEqual({
      sizes: Object.fromEntries([...source.values()].map(({ path, size }) => [path, size])),
      size: file.size,
      sha256: file.sha256,
      slice: bytes.toString('hex', 1000, 1010),
      pointer: Buffer.from(lfsPointer(file.sha256, file.size)).toString(),
      there: true,
      notThere: [false, null],
      paths: [FILE],
      folder: expect.any(String),
    })
    expect(await differencesFrom(source, join(js.home, (said as { folder: string }).folder))).toEqual([])
  }

const answers = async (js: ScriptUser): Promise<object> => {
  const ids = [MODEL, DATASET, SPACE, PRIVATE].map((repo) => typeAndId(repo)[1])
  return (await js.ask('huggingface-hub-js/info.mjs', ...ids)) as object
}

/** Asked once, while it is there. */
let ofHub: Promise<object> | undefined
const info = async (scene: Scene): Promise<void> => {
  ofHub ??= user(scene, scene.hub.url).then(answers)
  expect(await answers(await user(scene, scene.endpoint))).toEqual({ ...(await ofHub), 'logged in': true })
}

const { version } = JSON.parse(await readFile(join(MODULES, '@huggingface/hub/package.json'), 'utf8')) as {
  version: string
}

clientMatrix(
  [
    {
      name: '@huggingface/hub',
      version,
      exercises: {
        'listFiles, downloadFile (whole, slice, raw), fileExists, pathsInfo, snapshotDownload': files('main'),
        'the same of a pull request': files('refs/pr/1'),
        'modelInfo, datasetInfo, spaceInfo, listings, commits, safetensors, access, whoAmI, errors': info,
      },
    },
  ],
  addHubRepos,
)
