/**
 * Random trees at a Hub, mirrored by a seed, and an office that has nothing of them at first: whatever is asked of any file, both
 * answer with the bytes and headers that follow from the file itself.
 */
import { type HubFile, type SampleHub, createSampleHub } from '@hubmesh/testing'
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Swarm, type SwarmNode, createSwarm } from '../integration/local-swarm.ts'
import { etagOf, expectedOf } from './expected.ts'
import { type FileRequest, conditionHeaders, encodedPath, fileRequests } from './file-requests.ts'
import { TIMEOUT_MS, TREE_SEED, runsOf } from './runs.ts'
import { send } from './send.ts'
import { trees } from './trees.ts'

const TREES = 6
/** Requests at once: of one file, or of several. */
const TOGETHER = 6

interface Place {
  readonly repo: string
  readonly file: HubFile
}

let hub: SampleHub
let swarm: Swarm
let nodes: SwarmNode[]
let places: Place[]

beforeAll(async () => {
  hub = await createSampleHub()
  swarm = await createSwarm()
  const repos = fc
    .sample(trees, { numRuns: TREES, seed: TREE_SEED })
    .map((files, n) => ({ repo: `any/tree-${n}`, files }))
  for (const { repo, files } of repos) await hub.addRepo(repo, { files })
  places = repos.flatMap(({ repo }) => Array.from(hub.source(repo).values(), (file) => ({ repo, file })))
  const seed = await swarm.startSeed({ upstream: hub.url, mirror: repos.map(({ repo }) => repo) })
  await seed.waitFor('the mirrors', ({ repos }) => repos.filter(({ complete }) => complete).length === TREES)
  const office = await swarm.startOffice('office', { ticket: await seed.ticket() })
  await office.waitFor('the catalog', ({ repos }) => repos.length === TREES)
  nodes = [seed, office]
})
afterAll(async () => {
  await swarm.stop()
  await hub.stop()
})

const asked = fc.record({
  node: fc.constantFrom(0, 1, 1), // the cold one more often
  place: fc.nat(),
  request: fileRequests,
})

it('whatever is asked of a file, the answer is that of its source', { timeout: TIMEOUT_MS }, async () => {
  const together = fc.array(asked, { minLength: TOGETHER, maxLength: TOGETHER })
  const answers = fc.asyncProperty(together, async (all) => {
    await Promise.all(all.map(({ node, place, request }) => check(nodes[node], places[place % places.length], request)))
  })
  await fc.assert(answers, runsOf({ preset: 600, each: TOGETHER }))
})

const check = async (node: SwarmNode | undefined, place: Place | undefined, request: FileRequest): Promise<void> => {
  if (node === undefined || place === undefined) throw new Error('nobody to ask')
  const { file, repo } = place
  const revision = hub.sha(repo)
  const source = request.route === 'raw' ? rawContent(file) : contentOf(file)
  const { etag, size } = source
  const headers = conditionHeaders(request, { size, etag })
  const expected = expectedOf({ size, etag, path: file.path }, headers, revision)
  const reply = await send(node.gateway, {
    method: request.method,
    target: targetOf(place, request, revision),
    headers,
  })
  expect(reply.status).toBe(expected.status)
  const names = Object.keys(expected.headers)
  expect(Object.fromEntries(names.map((name) => [name, reply.headers[name]]))).toEqual(expected.headers)
  if (expected.status === 416) return // its body is for people
  const body = request.method === 'HEAD' ? Buffer.alloc(0) : await source.bytes(expected.start, expected.end)
  expect(reply.body.equals(body), `${reply.body.length} bytes for ${body.length} of ${file.path}`).toBe(true)
}

interface Source {
  readonly etag: string
  readonly size: number
  bytes(start: number, end: number): Promise<Buffer>
}

const contentOf = (file: HubFile): Source => ({
  etag: etagOf(file),
  size: file.size,
  bytes: async (start, end) => Buffer.concat(await Array.fromAsync(file.content.read(start, end))),
})

/** What git holds: for an LFS file its pointer. */
const rawContent = (file: HubFile): Source => {
  if (file.lfs === undefined) return contentOf(file)
  const pointer = Buffer.from(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${file.lfs.oid}\nsize ${file.lfs.size}\n`,
  )
  return { etag: file.oid, size: pointer.length, bytes: async (start, end) => pointer.subarray(start, end) }
}

/** Names that mean something else where they begin a plain path. */
const VERBS = new Set(['resolve', 'raw', 'SHA256SUMS', 'info'])

const targetOf = ({ repo, file }: Place, request: FileRequest, sha: string): string => {
  const path = encodedPath(file.path, request)
  const revision = request.revision === 'sha' ? sha : request.revision
  if (request.route === 'plain' && !VERBS.has(file.path.split('/')[0] ?? ''))
    return `/models/${repo}/${path}${request.revision === 'main' ? '' : `?revision=${revision}`}`
  return `/${repo}/${request.route === 'raw' ? 'raw' : 'resolve'}/${revision}/${path}`
}
