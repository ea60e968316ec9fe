import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  type FileChanges,
  ODD_PATHS,
  type SampleHub,
  type SampleHubOptions,
  buildRepo,
  createSampleHub,
  pseudoRandom,
  readAll,
} from '../src/index.ts'
import { lfsPointer } from '../src/sample-hub/git.ts'

const NAME = 'owner/name'
const FILES: FileChanges = {
  'README.md': '# Hello',
  'a/b/weights.safetensors': { seed: 1, size: 700_000 },
  'a/x.txt': 'x',
}
const WEIGHTS = `/${NAME}/resolve/main/a/b/weights.safetensors`

const startHub = async (options?: SampleHubOptions, files = FILES): Promise<SampleHub> => {
  const hub = await createSampleHub(options)
  onTestFinished(() => hub.stop())
  await hub.addRepo(NAME, { files })
  return hub
}

const get = (hub: SampleHub, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(new URL(path, hub.url), { redirect: 'manual', ...init })

const getJson = async <T>(hub: SampleHub, path: string, init?: RequestInit): Promise<T> =>
  (await (await get(hub, path, init)).json()) as T

/** A git that knows no settings of this machine. */
const gitEnv = ({ NAME: name, EMAIL: email, DATE: date }: Record<'NAME' | 'EMAIL' | 'DATE', string>) => ({
  PATH: process.env.PATH,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  ...Object.fromEntries(
    ['AUTHOR', 'COMMITTER'].flatMap((role) => [
      [`GIT_${role}_NAME`, name],
      [`GIT_${role}_EMAIL`, email],
      [`GIT_${role}_DATE`, date],
    ]),
  ),
})

const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer())

describe('commits', () => {
  test('have the shas that git itself gives them', async () => {
    const hub = await startHub({}, buildRepo({ seed: 'git', sizes: [0, 1, 70_000] }))
    const folder = await mkdtemp(join(tmpdir(), 'hubmesh-git-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    for (const file of hub.source(NAME).values()) {
      await mkdir(dirname(join(folder, file.path)), { recursive: true })
      const inGit = file.lfs === undefined ? await readAll(file.content) : lfsPointer(file.sha256, file.size)
      await writeFile(join(folder, file.path), inGit)
    }
    const who = { NAME: 'sample', EMAIL: 'sample@users.noreply.example', DATE: '2026-01-05T08:00:00Z' }
    const git = (...args: string[]): string =>
      execFileSync('git', args, { cwd: folder, env: gitEnv(who), encoding: 'utf8' })
    git('init', '-q')
    git('add', '-A', '-f')
    git('commit', '-q', '-m', 'Initial commit')
    expect(git('rev-parse', 'HEAD').trim()).toBe(hub.sha(NAME))
  })

  test('change, add and delete, and each entry knows the commit that last touched it', async () => {
    const hub = await startHub()
    const first = hub.sha(NAME)
    const second = await hub.commit(
      NAME,
      { 'a/x.txt': 'y', 'new.txt': 'n', 'README.md': null },
      { message: 'Two\n\nMore' },
    )
    expect([...hub.source(NAME).keys()]).toEqual(['a/b/weights.safetensors', 'a/x.txt', 'new.txt'])
    expect([...hub.source(NAME, first).keys()]).toEqual(['README.md', 'a/b/weights.safetensors', 'a/x.txt'])
    const rows: { path: string; lastCommit: { id: string } }[] = await getJson(
      hub,
      `/api/models/${NAME}/tree/main?recursive=true&expand=true`,
    )
    expect(rows.map(({ path, lastCommit }) => [path, lastCommit.id])).toEqual([
      ['a', second],
      ['a/b', first],
      ['a/b/weights.safetensors', first],
      ['a/x.txt', second],
      ['new.txt', second],
    ])
    expect(await getJson(hub, `/api/models/${NAME}/commits/main`)).toMatchObject([
      { id: second, title: 'Two', message: 'Two\n\nMore', date: '2026-01-05T08:01:00.000Z' },
      { id: first, title: 'Initial commit' },
    ])
  })

  test('are found by branch, tag, pull request, sha and short sha', async () => {
    const hub = await startHub()
    const first = hub.sha(NAME)
    hub.tag(NAME, 'v1')
    const pr = await hub.commit(NAME, { 'pr.txt': 'pr' }, { ref: 'refs/pr/1' })
    const main = await hub.commit(NAME, { 'main.txt': 'main' })
    const shaOf = async (revision: string): Promise<unknown> =>
      (await getJson<{ sha: string }>(hub, `/api/models/${NAME}/revision/${revision}`)).sha
    expect(await shaOf('HEAD')).toBe(main)
    expect(await shaOf('v1')).toBe(first)
    expect(await shaOf('refs%2Fpr%2F1')).toBe(pr)
    expect(await shaOf(first.slice(0, 8))).toBe(first)
    const unencoded: { path: string }[] = await getJson(hub, `/api/models/${NAME}/tree/refs/pr/1`)
    expect(unencoded.map(({ path }) => path)).toContain('pr.txt')
    expect(await getJson(hub, `/api/models/${NAME}/refs?include_prs=1`)).toEqual({
      branches: [{ name: 'main', ref: 'refs/heads/main', targetCommit: main }],
      converts: [],
      tags: [{ name: 'v1', ref: 'refs/tags/v1', targetCommit: first }],
      pullRequests: [{ name: '1', ref: 'refs/pr/1', targetCommit: pr }],
    })
    hub.setRef(NAME, 'main', first)
    expect(await shaOf('main')).toBe(first)
  })
})

describe('resolve', () => {
  test('sends for LFS files to a signed URL of another host name', async () => {
    const hub = await startHub()
    const redirect = await get(hub, WEIGHTS, { method: 'HEAD' })
    const { sha256 } = hub.source(NAME).get('a/b/weights.safetensors')!
    expect(redirect.status).toBe(302)
    expect(Object.fromEntries(redirect.headers)).toMatchObject({
      'x-repo-commit': hub.sha(NAME),
      'x-linked-etag': `"${sha256}"`,
      'x-linked-size': '700000',
    })
    const location = redirect.headers.get('location')!
    expect(new URL(location).hostname).toBe('localhost')
    const response = await fetch(location)
    expect(response.headers.get('etag')).not.toContain(sha256)
    expect(response.headers.get('x-repo-commit')).toBeNull()
    expect(
      createHash('sha256')
        .update(await bytesOf(response))
        .digest('hex'),
    ).toBe(sha256)
    expect((await fetch(location, { headers: { Authorization: 'Bearer hf_x' } })).status).toBe(400)
    expect((await fetch(location.replace(/Signature=./, 'Signature=!'))).status).toBe(403)
  })

  test('lets signed URLs expire', async () => {
    const hub = await startHub({ signedSeconds: -1 })
    expect((await fetch(new URL(WEIGHTS, hub.url))).status).toBe(403)
  })

  test('sends for regular files to a relative URL of its own', async () => {
    const hub = await startHub()
    const redirect = await get(hub, `/${NAME}/resolve/main/README.md`)
    const location = redirect.headers.get('location')!
    expect(redirect.status).toBe(307)
    expect(location).toMatch(`/api/resolve-cache/models/${NAME}/${hub.sha(NAME)}/README.md?etag=%22`)
    const plain = await get(hub, location, { headers: { 'Accept-Encoding': 'identity' } })
    expect(plain.headers.get('etag')).toBe(`"${hub.source(NAME).get('README.md')!.oid}"`)
    expect(plain.headers.get('content-length')).toBe('7')
    const squeezed = await get(hub, location, { headers: { 'Accept-Encoding': 'gzip' } })
    expect(squeezed.headers.get('content-encoding')).toBe('gzip')
    expect(await squeezed.text()).toBe('# Hello')
  })

  test.each(ODD_PATHS)('finds %s, percent-encoded', async (path) => {
    const hub = await startHub({}, { [path]: `content of ${path}` })
    const encoded = path.split('/').map(encodeURIComponent).join('/')
    const response = await fetch(`${hub.url}/${NAME}/resolve/main/${encoded}`)
    expect(await response.text()).toBe(`content of ${path}`)
  })

  test('answers ranges, and 304 to whom has it', async () => {
    const hub = await startHub()
    const source = Buffer.from(pseudoRandom(1, 700_000))
    const ranged = async (range: string): Promise<[number, string | null, Buffer]> => {
      const response = await fetch(new URL(WEIGHTS, hub.url), { headers: { Range: range } })
      return [response.status, response.headers.get('content-range'), await bytesOf(response)]
    }
    expect(await ranged('bytes=0-0')).toEqual([206, 'bytes 0-0/700000', source.subarray(0, 1)])
    expect(await ranged('bytes=-5')).toEqual([206, 'bytes 699995-699999/700000', source.subarray(-5)])
    expect(await ranged('bytes=300000-')).toEqual([206, 'bytes 300000-699999/700000', source.subarray(300_000)])
    expect((await ranged('bytes=700000-')).slice(0, 2)).toEqual([416, 'bytes */700000'])
    const etag = `"${hub.source(NAME).get('a/b/weights.safetensors')!.sha256}"`
    expect((await get(hub, WEIGHTS, { headers: { 'If-None-Match': etag } })).status).toBe(304)
  })

  test('keeps the pointer of an LFS file for raw', async () => {
    const hub = await startHub()
    const { sha256, oid } = hub.source(NAME).get('a/b/weights.safetensors')!
    const response = await get(hub, WEIGHTS.replace('resolve', 'raw'))
    expect(response.headers.get('etag')).toBe(`"${oid}"`)
    expect(await response.text()).toBe(
      `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize 700000\n`,
    )
  })
})

describe('listings', () => {
  test('come in pages with absolute links, smaller ones when expanded', async () => {
    const paths = Array.from({ length: 120 }, (_, index) => `f${index}.txt`)
    const hub = await startHub({ pageSize: 100 }, buildRepo({ seed: 1, sizes: [], paths }))
    const pages = async (query: string): Promise<number[]> => {
      const sizes: number[] = []
      let next: string | undefined = `${hub.url}/api/models/${NAME}/tree/main?${query}`
      while (next !== undefined) {
        const response = await fetch(next)
        sizes.push(((await response.json()) as unknown[]).length)
        next = /^<(http:.*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1]
      }
      return sizes
    }
    expect(await pages('recursive=true')).toEqual([100, 21])
    expect(await pages('expand=true')).toEqual([50, 50, 21])
  })

  test('of one folder, by either form of its path', async () => {
    const hub = await startHub()
    const rows = [expect.objectContaining({ type: 'file', path: 'a/b/weights.safetensors' })]
    expect(await getJson(hub, `/api/models/${NAME}/tree/main/a%2Fb`)).toEqual(rows)
    expect(await getJson(hub, `/api/models/${NAME}/tree/main/a/b`)).toEqual(rows)
    expect((await get(hub, `/api/models/${NAME}/tree/main/README.md`)).headers.get('x-error-code')).toBe(
      'EntryNotFound',
    )
  })

  test('of chosen paths, asked by form or by JSON', async () => {
    const hub = await startHub()
    const form = new URLSearchParams([
      ['paths', 'a'],
      ['paths', 'README.md'],
      ['paths', 'nowhere'],
    ])
    const url = `/api/models/${NAME}/paths-info/main`
    const rows = [
      { type: 'file', path: 'README.md', size: 7, oid: hub.source(NAME).get('README.md')!.oid },
      expect.objectContaining({ type: 'directory', path: 'a' }),
    ]
    expect(await getJson(hub, url, { method: 'POST', body: form })).toEqual(rows)
    const headers = { 'Content-Type': 'application/json' }
    const body = JSON.stringify({ paths: form.getAll('paths') })
    expect(await getJson(hub, url, { method: 'POST', body, headers })).toEqual(rows)
    expect((await get(hub, url, { method: 'POST', body: '{', headers })).status).toBe(400)
  })

  test('of repos, and of what a repo is', async () => {
    const hub = await startHub()
    await hub.addRepo('dataset:lone', {
      files: { 'x.csv': 'a,b\n' },
      info: { tags: ['csv'], cardData: { license: 'mit' } },
    })
    const ids = async (query: string): Promise<unknown> =>
      (await getJson<{ id: string }[]>(hub, query)).map(({ id }) => id)
    expect(await ids('/api/models?search=NAM')).toEqual([NAME])
    expect(await ids('/api/models?author=other')).toEqual([])
    expect(await ids('/api/datasets?filter=csv')).toEqual(['lone'])
    expect(await getJson(hub, '/api/datasets/lone?blobs=true')).toMatchObject({
      id: 'lone',
      sha: hub.sha('dataset:lone'),
      tags: ['csv'],
      siblings: [{ rfilename: 'x.csv', size: 4 }],
    })
    expect(Object.keys(await getJson(hub, `/api/models/${NAME}?expand=sha&expand=lastModified`)).sort()).toEqual([
      '_id',
      'id',
      'lastModified',
      'sha',
    ])
  })
})

describe('access', () => {
  const tokens = { hf_alice: { name: 'alice', repos: ['owner/secret', 'owner/gated'] }, hf_bob: { name: 'bob' } }
  const as = (token: string): RequestInit => ({ headers: { Authorization: `Bearer ${token}` } })
  const outcome = async (hub: SampleHub, path: string, init?: RequestInit): Promise<unknown> => {
    const { status, headers } = await get(hub, path, init)
    return `${status} ${headers.get('x-error-code') ?? ''}`.trim()
  }

  test('to a private repo is like to a missing one', async () => {
    const hub = await startHub({ tokens })
    await hub.addRepo('owner/secret', { private: true, files: { 'x.txt': 'x' } })
    for (const name of ['owner/secret', 'owner/missing']) {
      expect(await outcome(hub, `/api/models/${name}`)).toBe('401 RepoNotFound')
      expect(await outcome(hub, `/api/models/${name}`, as('hf_bob'))).toBe('404 RepoNotFound')
    }
    expect(await outcome(hub, '/owner/secret/resolve/main/x.txt', as('hf_alice'))).toBe('307')
    expect(await outcome(hub, `/api/models/${NAME}`, as('hf_nobody'))).toBe('401')
  })

  test('to the files of a gated repo needs a permission, to its listing none', async () => {
    const hub = await startHub({ tokens })
    await hub.addRepo('owner/gated', { gated: 'manual', files: { 'x.txt': 'x' } })
    expect(await outcome(hub, '/api/models/owner/gated/tree/main')).toBe('200')
    expect(await outcome(hub, '/owner/gated/resolve/main/x.txt')).toBe('401 GatedRepo')
    expect(await outcome(hub, '/owner/gated/resolve/main/x.txt', as('hf_bob'))).toBe('403 GatedRepo')
    expect(await outcome(hub, '/owner/gated/resolve/main/x.txt', as('hf_alice'))).toBe('307')
  })

  test('by an old name is redirected, by a wrong one refused', async () => {
    const hub = await startHub({ tokens })
    hub.renameRepo(NAME, 'owner/renamed')
    const moved = await get(hub, `/api/models/${NAME}/tree/main?recursive=true`)
    expect([moved.status, moved.headers.get('location')]).toEqual([
      307,
      '/api/models/owner/renamed/tree/main?recursive=true',
    ])
    expect(await outcome(hub, '/owner/renamed/resolve/none/x')).toBe('404 RevisionNotFound')
    const missing = await get(hub, '/owner/renamed/resolve/main/..%2F..%2Fx')
    expect(missing.status).toBe(404)
    const absent = await get(hub, '/owner/renamed/resolve/main/absent')
    expect([absent.headers.get('x-error-code'), absent.headers.get('x-repo-commit')]).toEqual([
      'EntryNotFound',
      hub.sha('owner/renamed'),
    ])
    expect(await outcome(hub, '/api/models/owner/renamed/discussions')).toBe('404')
    expect(await outcome(hub, '/api/models/owner/renamed/commit/main', { method: 'POST' })).toBe('403')
    expect(await getJson(hub, '/api/whoami-v2', as('hf_alice'))).toMatchObject({ name: 'alice', orgs: [] })
    expect(await getJson(hub, '/api/agent-harnesses')).toEqual({ standardEnvVars: [], harnesses: {} })
  })
})
