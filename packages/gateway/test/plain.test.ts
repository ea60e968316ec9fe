import type { RepoRef } from '@hubmesh/content'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { ask } from './support/http.ts'
import type { TestCommit } from './support/repos.ts'

const MODEL: RepoRef = { type: 'model', id: 'ada/model' }
const DATA: RepoRef = { type: 'dataset', id: 'ada/data' }
const OLD = { 'same.txt': 'x', 'changed.bin': 'old', 'gone/a.txt': 'bye' }
const NEW = { 'same.txt': 'x', 'changed.bin': 'new', 'added.txt': 'hello' }

let running: RunningGateway
let old: TestCommit
let fresh: TestCommit

beforeAll(async () => {
  running = await startGateway({ aliases: { short: MODEL, table: DATA } })
  const commits = running.library.add(MODEL, {
    commits: [
      { files: OLD, title: 'first' },
      { files: NEW, title: 'second', info: { lastModified: '2026-02-03T04:05:06+00:00' } },
    ],
    refs: { main: 1, dev: 0 },
    behind: { main: 0 },
  })
  ;[old, fresh] = commits as [TestCommit, TestCommit]
  running.library.add(DATA, { commits: [{ files: { 'a/b.csv': '1,2' } }] })
  running.library.add({ type: 'model', id: 'gpt2' }, { commits: [{ files: { 'config.json': '{}' } }] })
})
afterAll(async () => running.gateway.stop())

const textOf = async (target: string): Promise<string> => (await ask(running.url, target)).body.toString()

describe('plain paths', () => {
  it.each([
    ['/models/ada/model/gone/a.txt', 'bye'],
    ['/models/short/gone/a.txt', 'bye'],
    ['/models/short/added.txt?revision=REVISION', 'hello'],
    ['/short/resolve/main/same.txt', 'x'],
    ['/datasets/table/a/b.csv', '1,2'],
    ['/models/gpt2/config.json', '{}'],
  ])('%s', async (target, text) => expect(await textOf(target.replace('REVISION', fresh.revision))).toBe(text))

  it('a short name is of its type alone', async () =>
    expect((await ask(running.url, '/models/table/a/b.csv')).headers['x-error-code']).toBe('RepoNotFound'))

  it('sums are told under every name', async () => {
    const sums = await textOf('/ada/model/SHA256SUMS')
    expect(
      sums
        .split('\n')
        .slice(0, -1)
        .map((line) => line.slice(64)),
    ).toEqual(['changed.bin', 'gone/a.txt', 'same.txt'].map((path) => `  ${path}`))
    expect(await textOf('/models/short/SHA256SUMS')).toBe(sums)
    expect(await textOf('/short/SHA256SUMS')).toBe(sums)
    expect(await textOf('/gpt2/SHA256SUMS')).toContain('  config.json\n')
    expect(await textOf(`/models/short/SHA256SUMS?revision=${fresh.revision}`)).toContain('  added.txt\n')
  })
})

describe('check-update', () => {
  it.each([
    '/-/api/repos/models/ada/model/check-update',
    '/models/ada/model/check-update',
    '/models/short/check-update',
  ])('%s tells what the catalog has beyond this site', async (target) =>
    expect(JSON.parse(await textOf(target))).toEqual({
      update_available: true,
      current_version: old.revision,
      upstream_version: fresh.revision,
      last_modified: '2026-02-03T04:05:06.000Z',
      files_updated: ['added.txt', 'changed.bin', 'gone/a.txt'],
    }),
  )

  it.each(['dev', 'REVISION'])('has nothing where %s is what this site serves', async (revision) =>
    expect(
      JSON.parse(await textOf(`/models/short/check-update?revision=${revision.replace('REVISION', old.revision)}`)),
    ).toMatchObject({ update_available: false, current_version: old.revision, files_updated: [] }),
  )

  it('knows no other repos', async () => {
    const reply = await ask(running.url, '/-/api/repos/models/ada/no/check-update')
    expect([reply.status, reply.headers['x-error-code']]).toEqual([401, 'RepoNotFound'])
  })
})
