import type { RepoRef } from '@hubmesh/content'
import { ODD_PATHS, type SampleHub, createSampleHub } from '@hubmesh/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { ask } from './support/http.ts'

const MODEL: RepoRef = { type: 'model', id: 'ada/model' }
const FILES: Record<string, string> = {
  ...Object.fromEntries(ODD_PATHS.map((path) => [path, `bytes of ${path}`])),
  'weights/a.bin': 'lfs bytes',
  'empty.txt': '',
}

let hub: SampleHub
let running: RunningGateway

beforeAll(async () => {
  hub = await createSampleHub()
  const info = { tags: ['license:mit'], pipeline_tag: 'text-generation', cardData: { license: 'mit' } }
  await hub.addRepo(MODEL, { files: { 'first.txt': 'x' }, info })
  await hub.commit(MODEL, { 'first.txt': null, ...FILES })
  hub.tag(MODEL, 'v1', hub.sha(MODEL))
  running = await startGateway()
  running.library.add(MODEL, {
    commits: [{ files: { 'first.txt': 'x' } }, { files: FILES, info }],
    refs: { main: 1, 'refs/tags/v1': 1 },
  })
})
afterAll(async () => {
  await hub.stop()
  await running.gateway.stop()
})

/** Commits, folders' oids, dates and made-up ids differ; everything else is the same, down to the last field. */
const VARYING = new Set(['sha', 'targetCommit', 'date', 'lastModified', 'createdAt', '_id', 'title', 'message', 'user'])

const comparable = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value !== 'object' || value === null) return value
  const record = value as Record<string, unknown>
  const isOwn = (name: string): boolean =>
    VARYING.has(name) || (name === 'oid' && record['type'] === 'directory') || (name === 'id' && 'title' in record)
  return Object.fromEntries(
    Object.entries(record).map(([name, field]) => [name, isOwn(name) ? typeof field : comparable(field)]),
  )
}

describe('JSON answers have the fields and values of the sample Hub', () => {
  it.each([
    '/api/models/ada/model',
    '/api/models/ada/model/revision/v1?blobs=true',
    '/api/models/ada/model/revision/main?expand=sha&expand=tags',
    '/api/models/ada/model/tree/main',
    '/api/models/ada/model/tree/main?recursive=true&expand=true',
    '/api/models/ada/model/tree/main/deep%2Fer?recursive=true',
    '/api/models/ada/model/refs?include_prs=1',
    '/api/models/ada/model/refs',
    '/api/models/ada/model/commits/main',
    '/api/models/ada/model/auth-check',
    '/api/agent-harnesses',
  ])('%s', async (target) => {
    const [theirs, ours] = await Promise.all([ask(hub.url, target), ask(running.url, target)])
    expect(theirs.status).toBe(200)
    expect(comparable(ours.json())).toEqual(comparable(theirs.json()))
  })

  it('paths-info', async () => {
    const body = JSON.stringify({ paths: [...Object.keys(FILES), 'weights', 'nope'].toSorted(), expand: false })
    const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
    const target = '/api/models/ada/model/paths-info/main'
    const [theirs, ours] = await Promise.all([ask(hub.url, target, post), ask(running.url, target, post)])
    const byPath = (value: unknown) =>
      (comparable(value) as { path: string }[]).toSorted((a, b) => (a.path < b.path ? -1 : 1))
    expect(byPath(ours.json())).toEqual(byPath(theirs.json()))
  })

  it.each([
    '/ada/model/resolve/main/nope.txt',
    '/ada/model/resolve/nope/first.txt',
    '/ada/nope/resolve/main/x',
    '/api/models/ada/model/tree/main/nope',
    '/api/models/ada/nope/revision/main',
  ])('and its errors: %s', async (target) => {
    const [theirs, ours] = await Promise.all([ask(hub.url, target), ask(running.url, target)])
    expect([ours.status, ours.headers['x-error-code']]).toEqual([theirs.status, theirs.headers['x-error-code']])
  })
})
