import { hash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type HubFile, type SampleHub, differencesFrom, readAll } from '@hubmesh/testing'
import { expect } from 'vitest'
import type { PythonSet } from '../clients.ts'
import { type MatrixClient, type Scene, clientMatrix } from '../matrix/client-matrix.ts'
import {
  BARE,
  DATASET,
  GATED,
  MODEL,
  MODEL_REFS,
  NEW_NAME,
  OLD_NAME,
  PLAIN,
  PRIVATE,
  SPACE,
  addHubRepos,
} from '../matrix/hub-repos.ts'
import { type PythonClient, pythonClient, typeAndId } from '../python-client.ts'
import { snapshots } from '../sample-repos.ts'

const VERSIONS = ['2.0.0', '1.33.0'] as const

const client = (version: (typeof VERSIONS)[number]): MatrixClient => {
  const set: PythonSet = `huggingface_hub ${version}`
  const user = ({ context, endpoint }: Scene): Promise<PythonClient> => pythonClient(context, set, endpoint)
  return {
    name: 'huggingface_hub',
    version,
    exercises: {
      '`hf download` to the cache, with --local-dir, --include, one file; `hf cache verify`, `hf auth whoami`': async (
        scene,
      ) => download(scene.hub, await user(scene)),
      'snapshot_download of models, datasets, spaces; no namespace, tag, branch, pull request, commit; an old name; odd file names, empty files':
        async (scene) => snapshot(scene.hub, await user(scene)),
      'HfApi: info, tree, paths, refs, commits, listings, file and safetensors metadata': async (scene) =>
        api(await user(scene), await answersOfHub(scene, set)),
      'HfFileSystem and `hf://`: find, glob, read, seek': async (scene) => files(scene.hub, await user(scene)),
      'errors: no such file, revision, repo; private, gated; uploads': async (scene) => errors(await user(scene)),
      'its cache when the mirror is away, and with HF_HUB_OFFLINE': async (scene) =>
        offline(scene.hub, await user(scene)),
    },
  }
}

const download = async (hub: SampleHub, user: PythonClient): Promise<void> => {
  await user.script('huggingface-hub/download.sh', MODEL, 'out')
  const source = hub.source(MODEL)
  expect(await differencesFrom(source, user.snapshot(MODEL, hub.sha(MODEL)))).toEqual([])
  const expectFiles = async (name: string, isWanted: (path: string) => boolean): Promise<void> => {
    const folder = join(user.home, 'out', name)
    await rm(join(folder, '.cache'), { recursive: true }) // the client's own notes
    const wanted = new Map<string, HubFile>([...source].filter(([path]) => isWanted(path)))
    expect(wanted.size).toBeGreaterThan(0)
    expect(await differencesFrom(wanted, folder)).toEqual([])
  }
  await expectFiles('all', () => true)
  await expectFiles('some', (path) => path.startsWith('data/') && !path.endsWith('1.bin'))
  await expectFiles('one', (path) => path === 'README.md')
}

const snapshot = async (hub: SampleHub, user: PythonClient): Promise<void> => {
  const wanted = [
    ...MODEL_REFS.map((ref): [string, string] => [MODEL, ref.replace('refs/tags/', '')]),
    [MODEL, hub.sha(MODEL, 'v1')] as const,
    ...[BARE, DATASET, SPACE, OLD_NAME].map((repo): [string, string] => [repo, 'main']),
  ]
  const folders = await snapshots(user, wanted)
  for (const [index, [repo, revision]] of wanted.entries())
    expect(
      await differencesFrom(hub.source(repo === OLD_NAME ? NEW_NAME : repo, revision), folders[index] ?? ''),
    ).toEqual([])
}

type Answers = readonly Readonly<Record<string, unknown>>[]

const api = async (user: PythonClient, ofHub: Answers): Promise<void> => {
  const said = await answers(user)
  expect(said).toEqual(ofHub)
  for (const answer of said) expect(failuresOf(answer)).toEqual(MEANT_TO_FAIL)
}

/** So that two that fail alike are not taken for right. */
const MEANT_TO_FAIL = {
  'no such file': 'RemoteEntryNotFoundError',
  'no such revision': 'RevisionNotFoundError',
  'no such repo': 'RepositoryNotFoundError',
}

const failuresOf = (answer: Answers[number]): unknown =>
  Object.fromEntries(Object.entries(answer).filter(([, said]) => /(?:Error|Exception)$/.test(String(said))))

const answers = async (user: PythonClient): Promise<Answers> => {
  const repos = [...typeAndId(MODEL), 'data/262144.bin', ...typeAndId(DATASET), 'data/train 一.csv']
  return withoutLastCommits(await user.ask('huggingface-hub/api.py', ...repos)) as Answers
}

/** A mirror names the revision's own commit as the last one of each file: which it was, only git's history would tell. */
const withoutLastCommits = (answers: unknown): unknown =>
  JSON.parse(JSON.stringify(answers, (key, value: unknown) => (/^last_?commit$/i.test(key) ? undefined : value)))

/** Asked once, while it is there. */
const hubAnswers = new Map<PythonSet, Promise<Answers>>()
const answersOfHub = ({ context, hub }: Scene, set: PythonSet): Promise<Answers> => {
  const said = hubAnswers.get(set) ?? pythonClient(context, set, hub.url).then(answers)
  hubAnswers.set(set, said)
  return said
}

const files = async (hub: SampleHub, user: PythonClient): Promise<void> => {
  const source = hub.source(PLAIN)
  const data = [...source.values()].filter(({ path }) => path.startsWith('data/'))
  const largest = data.toSorted((a, b) => b.size - a.size)[0]
  if (largest === undefined) throw new Error('there are files to seek in')
  const bytes = Buffer.from(await readAll(largest.content))
  expect(await user.ask('huggingface-hub/files.py', PLAIN, 'data/*.bin')).toEqual({
    found: Object.fromEntries([...source.values()].map(({ path, size }) => [path, size])),
    sha256: Object.fromEntries(data.map(({ path, sha256 }) => [path, sha256])),
    largest: largest.path,
    middle: bytes.toString('hex', 1000, 1010),
    last: bytes.toString('hex', bytes.length - 10),
    'at the tag': true,
    'not there': false,
  })
  expect(hash('sha256', bytes)).toBe(largest.sha256)
}

const errors = async (user: PythonClient): Promise<void> =>
  expect(await user.ask('huggingface-hub/errors.py', MODEL, PRIVATE, GATED)).toEqual({
    'no such file': 'RemoteEntryNotFoundError',
    'no such file, asked again': 'RemoteEntryNotFoundError',
    'no such revision': 'RevisionNotFoundError',
    'no such commit': 'RevisionNotFoundError',
    'no such repo': 'RepositoryNotFoundError',
    'another type of repo': 'RepositoryNotFoundError',
    private: 'RepositoryNotFoundError',
    gated: 'RepositoryNotFoundError', // what is not mirrored does not exist here
    'may read': null,
    'may not read': 'RepositoryNotFoundError',
    upload: 'HfHubHTTPError',
  })

const offline = async (hub: SampleHub, user: PythonClient): Promise<void> => {
  const folder = user.snapshot(MODEL, hub.sha(MODEL))
  const printed = (await user.script('huggingface-hub/offline.sh', MODEL)).trim().split('\n')
  expect(printed).toEqual([folder, folder, folder])
  expect(await differencesFrom(hub.source(MODEL), folder)).toEqual([])
}

clientMatrix(VERSIONS.map(client), addHubRepos)
