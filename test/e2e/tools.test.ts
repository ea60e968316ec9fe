/**
 * curl and the Hub's JavaScript library, unchanged, through a cold office's gateway. All that these and other tools do stands
 * in the matrix of `npx -y pnpm@12 test:clients`.
 */
import { hash } from 'node:crypto'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { downloadFile, snapshotDownload } from '@huggingface/hub'
import { ODD_PATHS, type SampleHub, buildRepo, createSampleHub, differencesFrom } from '@hubmesh/testing'
import { type TestContext, afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Swarm, type SwarmNode, createSwarm } from '../integration/local-swarm.ts'
import { clientHome } from './client-home.ts'
import { skipLoudly } from './clients.ts'
import { run } from './run.ts'

const REPO = 'acme/tools'
const JS_REPO = 'acme/for-javascript'
/** The library puts paths into URLs as they are: these, no server can tell from others. */
const SAID_BY_JS = ODD_PATHS.filter((path) => !/%25|[#?]/.test(path))
const MB = 1_000_000
/** One for each test, so that each finds its file cold. */
const WEIGHTS = ['curl', 'resumed', 'js'].map((name) => `weights/${name}.bin`)

let hub: SampleHub
let swarm: Swarm
let office: SwarmNode

beforeAll(async () => {
  hub = await createSampleHub()
  const weights = Object.fromEntries(WEIGHTS.map((path) => [path, { seed: path, size: 8 * MB + 1 }]))
  await hub.addRepo(REPO, { files: { ...buildRepo({ seed: 'tools', sizes: [0, 1] }), ...weights } })
  await hub.addRepo(JS_REPO, { files: { ...buildRepo({ seed: 'js', paths: SAID_BY_JS }), 'empty.txt': '' } })
  swarm = await createSwarm()
  const seed = await swarm.startSeed({ upstream: hub.url, mirror: [REPO, JS_REPO] })
  await seed.waitFor('the mirror', ({ repos }) => repos.filter(({ complete }) => complete).length === 2)
  office = await swarm.startOffice('berlin', { ticket: await seed.ticket() })
})

afterAll(async () => {
  await swarm?.stop()
  await hub?.stop()
})

const urlOf = (path: string): string =>
  `${office.gateway}/${REPO}/resolve/main/${path.split('/').map(encodeURIComponent).join('/')}`

/** Compared by hash: `toEqual` looks at each of millions of bytes by itself. */
const expectWhole = (bytes: Uint8Array, path: string): void =>
  expect(hash('sha256', bytes)).toBe(hub.source(REPO).get(path)?.sha256)

/** A file's bytes, as the Hub has them. */
const original = async (path: string): Promise<Buffer> => {
  const response = await fetch(`${hub.url}/${REPO}/resolve/main/${path.split('/').map(encodeURIComponent).join('/')}`)
  expect(response.status).toBe(200)
  return Buffer.from(await response.arrayBuffer())
}

interface Tool {
  /** The folder that it runs in, its home as well. */
  readonly folder: string
  (...args: string[]): Promise<string>
}

/** A program of this machine, in an empty folder. The test is skipped, loudly, where it is missing. */
const tool = async (context: TestContext, program: string): Promise<Tool> => {
  const { home, env } = await clientHome(context)
  const options = { signal: context.signal, env, cwd: home }
  try {
    await run(program, ['--version'], options)
  } catch (error) {
    return skipLoudly(context, `there is no ${program} here`, error)
  }
  return Object.assign((...args: string[]) => run(program, args, options), { folder: home })
}

describe('curl', () => {
  const curl = async (context: TestContext): Promise<Tool> => {
    const plain = await tool(context, 'curl')
    return Object.assign((...args: string[]) => plain('--silent', '--show-error', '--fail', ...args), plain)
  }

  test('gets a cold file by -L, under its own name by -OJ', async (context) => {
    const get = await curl(context)
    await get('-L', '-OJ', urlOf('weights/curl.bin'), '-OJ', urlOf('with space.txt'))
    expect((await readdir(get.folder)).toSorted()).toEqual(['curl.bin', 'with space.txt'])
    expectWhole(await readFile(join(get.folder, 'curl.bin')), 'weights/curl.bin')
    expectWhole(await readFile(join(get.folder, 'with space.txt')), 'with space.txt')
  })

  test('resumes by -C -', async (context) => {
    const get = await curl(context)
    const whole = await original('weights/resumed.bin')
    const file = join(get.folder, 'part')
    await writeFile(file, whole.subarray(0, 3 * MB))
    const sent = await get(
      '-L',
      '-C',
      '-',
      '-o',
      'part',
      '-w',
      '%{http_code} %{size_download}',
      urlOf('weights/resumed.bin'),
    )
    expect(sent).toBe(`206 ${whole.length - 3 * MB}`)
    expectWhole(await readFile(file), 'weights/resumed.bin')
  })

  test.for([
    ['0-0', 0, 1],
    ['5000000-5000999', 5_000_000, 5_001_000],
    ['-17', -17, undefined],
    ['7999990-', 7_999_990, undefined],
  ] as const)('gets the range %s', async ([range, start, end], context) => {
    const get = await curl(context)
    await get('-L', '-r', range, '-o', 'part', urlOf('weights/curl.bin'))
    expect(await readFile(join(get.folder, 'part'))).toEqual((await original('weights/curl.bin')).subarray(start, end))
  })

  test('is told what has not changed', async (context) => {
    const get = await curl(context)
    const ask = (etag: string): Promise<string> =>
      get(
        '-o',
        'body',
        '-w',
        '%{http_code} %{size_download} %header{etag}',
        '-H',
        `If-None-Match: ${etag}`,
        urlOf('README.md'),
      )
    const [, , etag = ''] = (await ask('"other"')).split(' ')
    expect(etag).toBe(`"${hub.source(REPO).get('README.md')?.oid}"`)
    expect(await ask(etag)).toBe(`304 0 ${etag}`)
  })

  test('fails where there is nothing', async (context) => {
    const get = await curl(context)
    await expect(get('-L', urlOf('no/such.bin'))).rejects.toThrow('404')
  })
})

describe('@huggingface/hub', () => {
  const bytesOf = async (blob?: Blob | null): Promise<Buffer> =>
    Buffer.from((await blob?.arrayBuffer()) ?? new ArrayBuffer())

  test('snapshotDownload gets a cold repo with empty files and odd names', async (context) => {
    vi.spyOn(console, 'debug').mockImplementation(() => {}) // it names each file
    context.onTestFinished(() => void vi.restoreAllMocks())
    const { home } = await clientHome(context)
    const folder = await snapshotDownload({ repo: JS_REPO, hubUrl: office.gateway, cacheDir: home })
    expect(await differencesFrom(hub.source(JS_REPO), folder)).toEqual([])
  })

  test('downloadFile gets a file, a part of it, an empty one, and null for none', async () => {
    const get = async (path: string): Promise<Blob | null> => downloadFile({ repo: REPO, path, hubUrl: office.gateway })
    const path = 'weights/js.bin'
    const whole = await original(path)
    const file = await get(path)
    expect(file?.size).toBe(whole.length)
    expect(await bytesOf(file?.slice(5 * MB, 5 * MB + 100))).toEqual(whole.subarray(5 * MB, 5 * MB + 100))
    expectWhole(await bytesOf(file), path)
    expect((await get('data/0.bin'))?.size).toBe(0)
    expect(await get('no/such.bin')).toBeNull()
  })
})
