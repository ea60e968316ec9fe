import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type FileContent, type HubFile, buildRepo, differencesFrom, lfsPointer, readAll } from '@hubmesh/testing'
import { type TestContext, expect } from 'vitest'
import { skipLoudly } from '../clients.ts'
import { type MatrixClient, type Scene, clientMatrix } from '../matrix/client-matrix.ts'
import { run } from '../run.ts'
import { type ScriptUser, scriptUser } from '../script-user.ts'

const REPO = 'clients/tools'
const FILE = 'weights/model.bin'
const NAME = 'model.bin'

/** The first version in what the program says of itself. The tests are skipped, loudly, where it is missing. */
const versionOf =
  (program: string, ...args: string[]) =>
  async (context: TestContext): Promise<string> => {
    try {
      const said = await run(program, [...args, '--version'], { signal: context.signal })
      return /\d+\.\d+(?:\.\d+)*/.exec(said)?.[0] ?? 'unknown'
    } catch (error) {
      return skipLoudly(context, `there is no ${[program, ...args].join(' ')} here`, error)
    }
  }

const fileOf = ({ hub }: Scene): HubFile => {
  const file = hub.source(REPO).get(FILE)
  if (file === undefined) throw new Error(`the repo has ${FILE}`)
  return file
}

const bytesOf = async ({ content }: HubFile): Promise<Buffer> => Buffer.from(await readAll(content))

/** These files in the user's home are the one that was asked for. */
const expectWhole = async (scene: Scene, { home }: ScriptUser, ...names: string[]): Promise<void> => {
  const file = fileOf(scene)
  const wanted = new Map(names.map((path) => [path, { ...file, path }]))
  const differences = await differencesFrom(wanted, home)
  expect(differences.filter((difference) => !difference.endsWith('is not in the source'))).toEqual([])
}

const user = ({ context, endpoint }: Scene): Promise<ScriptUser> => scriptUser(context, endpoint)

const curl: MatrixClient = {
  name: 'curl',
  version: versionOf('curl'),
  exercises: {
    '`-L -OJ`; `-C -`; `-r`; `--etag-compare`': async (scene) => {
      const someone = await user(scene)
      expect((await someone.script('curl/download.sh', REPO, FILE)).trim()).toBe('304')
      await expectWhole(scene, someone, NAME, 'resumed', 'kept')
      const bytes = await bytesOf(fileOf(scene))
      expect(await readFile(join(someone.home, 'middle'))).toEqual(bytes.subarray(1000, 2000))
      expect(await readFile(join(someone.home, 'end'))).toEqual(bytes.subarray(-17))
    },
    'a whole repo by its `SHA256SUMS`, odd names and empty files': async (scene) => {
      const someone = await user(scene)
      await someone.script('curl/repo.sh', REPO, 'repo')
      expect(await differencesFrom(scene.hub.source(REPO), join(someone.home, 'repo'))).toEqual([])
    },
  },
}

const wget: MatrixClient = {
  name: 'wget',
  version: versionOf('wget'),
  exercises: {
    '`--content-disposition`; `-c`': async (scene) => {
      const someone = await user(scene)
      await someone.script('wget/download.sh', REPO, FILE, NAME)
      await expectWhole(scene, someone, NAME)
    },
  },
}

const aria2: MatrixClient = {
  name: 'aria2c',
  version: versionOf('aria2c'),
  exercises: {
    '`-x4 -s4`; `--checksum`; `-c`': async (scene) => {
      const someone = await user(scene)
      await someone.script('aria2/download.sh', REPO, FILE)
      await expectWhole(scene, someone, 'whole', 'resumed')
    },
  },
}

/** A repository as `git clone` leaves it where LFS files are not fetched. */
const clone = async ({ hub }: Scene, { home, program }: Pick<ScriptUser, 'home' | 'program'>): Promise<string> => {
  const folder = join(home, 'clone')
  await program('git', 'init', '-q', folder)
  for (const { path, lfs, content } of hub.source(REPO).values()) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), lfs === undefined ? await readAll(content) : lfsPointer(lfs.oid, lfs.size))
  }
  const git = (...args: string[]): Promise<string> => program('git', '-C', folder, ...args)
  await git('add', '-A')
  await git('-c', 'user.name=someone', '-c', 'user.email=someone@example.org', 'commit', '-q', '-m', 'Initial commit')
  return folder
}

const gitLfs: MatrixClient = {
  name: 'git-lfs',
  version: versionOf('git', 'lfs'),
  exercises: {
    '`git lfs pull`, `git lfs fsck` of a clone from elsewhere': async (scene) => {
      const someone = await user(scene)
      const folder = await clone(scene, someone)
      await someone.script('git-lfs/pull.sh', REPO, folder)
      const differences = await differencesFrom(scene.hub.source(REPO), folder)
      expect(differences.filter((difference) => !difference.startsWith('.git/'))).toEqual([])
    },
    '`git clone` is told at once what to use instead': async (scene) => {
      const someone = await user(scene)
      const cloning = someone.program('git', 'clone', '-q', `${scene.endpoint}/${REPO}`)
      await expect(cloning).rejects.toThrow(/not found/)
    },
  },
}

const files: Record<string, FileContent | null> = {
  ...buildRepo({ seed: 'tools' }),
  'empty.txt': '',
  '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
  [FILE]: { seed: 'weights', size: 8_000_001 },
}

clientMatrix([curl, wget, aria2, gitLfs], async (hub) => {
  await hub.addRepo(REPO, { files })
  return [REPO]
})
