/**
 * A branch moves upstream: when it moves at sites that are eager or manual, what they tell of it, and what a client gets
 * meanwhile. `change.test.ts` has sites that move when they are complete.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { type Server, createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { MIB, chunkCid, sha256Of } from '@hubmesh/content'
import { type SampleHub, createSampleHub } from '@hubmesh/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FIRST_RUN_MS } from '../e2e/clients.ts'
import { pythonClient } from '../e2e/python-client.ts'
import { type Swarm, type SwarmNode, createSwarm } from './local-swarm.ts'

const REPO = 'acme/voice'
const FIRST = { 'config.json': '{"v": 1}', 'w.bin': { seed: 'w1', size: 3 * MIB }, 'never-read.txt': 'as it was' }
const SECOND = { 'config.json': '{"v": 2}', 'w.bin': { seed: 'w2', size: 3 * MIB }, 'never-read.txt': 'as it is' }
const POLICIES = ['eager', 'manual'] as const
const CHANGED = ['config.json', 'never-read.txt', 'w.bin']

let hub: SampleHub
let swarm: Swarm
let seed: SwarmNode
let old: string
let fresh: string
const offices = new Map<string, SwarmNode>()
/** Where a client that asked HEAD before the branch moved was told that the bytes are. */
const told = new Map<string, string>()

const at = (policy: string): SwarmNode => offices.get(policy) ?? expect.fail(`no office ${policy}`)
const get = (policy: string, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${at(policy).gateway}${path}`, init)
const commitOf = async (policy: string): Promise<string | null> =>
  (await get(policy, `/${REPO}/resolve/main/config.json`, { method: 'HEAD' })).headers.get('x-repo-commit')
const digestOf = async (response: Response): Promise<string> =>
  createHash('sha256')
    .update(new Uint8Array(await response.arrayBuffer()))
    .digest('hex')
const sourceOf = (path: string, revision: string): string =>
  hub.source(REPO, revision).get(path)?.sha256 ?? expect.fail(`no ${path}`)
const update = async (policy: string, path: string): Promise<unknown> => (await get(policy, path)).json()

beforeAll(async () => {
  hub = await createSampleHub()
  old = await hub.addRepo(REPO, { files: FIRST })
  swarm = await createSwarm()
  seed = await swarm.startSeed({ upstream: hub.url, mirror: [REPO] })
  await seed.waitFor('the first mirror', ({ mirrors }) => mirrors[0]?.state === 'idle')
  const ticket = await seed.ticket()
  await Promise.all(
    POLICIES.map(async (policy) => {
      await mkdir(join(swarm.folder, policy), { mode: 0o700 })
      await writeFile(join(swarm.folder, policy, 'hubmesh.yaml'), `follow: ${policy}\naliases:\n  voice: ${REPO}\n`)
      const office = await swarm.startOffice(policy, { ticket })
      offices.set(policy, office)
      await office.waitFor('the repo', ({ repos }) => repos.some(({ revision }) => revision === old))
      const head = await get(policy, `/${REPO}/resolve/main/w.bin`, { method: 'HEAD' })
      told.set(policy, head.headers.get('location') ?? '')
      for (const path of ['config.json', 'w.bin'])
        expect(await digestOf(await get(policy, `/models/voice/${path}`))).toBe(sourceOf(path, old))
    }),
  )
  fresh = await hub.commit(REPO, SECOND)
  await seed.waitFor('the second commit', ({ repos }) => repos.some(({ revision }) => revision === fresh))
})
afterAll(async () => {
  await swarm.stop()
  await hub.stop()
})

describe('a site moves', () => {
  it('at once where it is eager', async () => {
    await expect.poll(() => commitOf('eager'), { timeout: 30_000 }).toBe(fresh)
    expect(await digestOf(await get('eager', `/${REPO}/resolve/main/w.bin`))).toBe(sourceOf('w.bin', fresh))
  })

  it('by a pull alone where it is manual, and says what it has not moved to', async () => {
    const { repos } = await at('manual').waitFor('the offer', ({ repos }) => repos[0]?.offered === fresh)
    expect(repos[0]).toMatchObject({ revision: old, offered: fresh })
    expect(await commitOf('manual')).toBe(old)
    const waiting = {
      update_available: true,
      current_version: old,
      upstream_version: fresh,
      last_modified: expect.stringMatching(/^2026-\S+Z$/),
      files_updated: CHANGED,
    }
    expect(await update('manual', `/-/api/repos/models/${REPO}/check-update`)).toEqual(waiting)
    expect(await update('manual', `/models/${REPO}/check-update`)).toEqual(waiting)
    expect(await update('manual', '/models/voice/check-update')).toEqual(waiting)
    expect((await at('manual').cli('pull', REPO)).code).toBe(0)
    expect(await commitOf('manual')).toBe(fresh)
    expect(await update('manual', '/models/voice/check-update')).toMatchObject({
      update_available: false,
      current_version: fresh,
      files_updated: [],
    })
  })
})

/** In front of a gateway: holds back the first answer to HEAD of `main` until `move` is done. */
const slowProxy = async (gateway: string, move: () => Promise<unknown>): Promise<Server> => {
  let moving: Promise<unknown> | undefined
  const proxy = createServer((request, response) => {
    const { method, headers, url = '' } = request
    const asked = httpRequest(`${gateway}${url}`, { method, headers }, (answer) => {
      if (method === 'HEAD' && url.includes('/resolve/main/')) moving ??= move()
      void (moving ?? Promise.resolve()).then(() => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      })
    })
    request.pipe(asked)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return proxy
}

describe('a branch that moves between HEAD and GET', { timeout: FIRST_RUN_MS }, () => {
  it.for(['huggingface_hub 2.0.0', 'huggingface_hub 1.33.0'] as const)(
    'mixes nothing for %s',
    async (version, context) => {
      const before = hub.sha(REPO)
      await expect.poll(() => commitOf('eager'), { timeout: 30_000 }).toBe(before)
      const proxy = await slowProxy(at('eager').gateway, async () => {
        const after = await hub.commit(REPO, { 'w.bin': { seed: version, size: 3 * MIB } })
        await expect.poll(() => commitOf('eager'), { timeout: 30_000 }).toBe(after)
      })
      try {
        const { port } = proxy.address() as AddressInfo
        const client = await pythonClient(context, version, `http://127.0.0.1:${port}`)
        await client.hf('download', REPO, 'w.bin')
        const got = await readFile(join(client.snapshot(REPO, before), 'w.bin'))
        expect(sha256Of(got)).toBe(sourceOf('w.bin', before))
        expect(hub.sha(REPO)).not.toBe(before)
      } finally {
        proxy.closeAllConnections()
        proxy.close()
      }
    },
  )
})

describe.each(POLICIES)('after a move, at a site that is %s,', (policy) => {
  it('a client that asked HEAD before gets what it was told of', async () => {
    const location = told.get(policy) ?? ''
    expect(location).toBe(`${at(policy).gateway}/${REPO}/resolve/${old}/w.bin`)
    expect(await digestOf(await fetch(location))).toBe(sourceOf('w.bin', old))
  })

  it('the old revision stays whole, also what nobody read before', async () => {
    const listed = (await (await get(policy, `/api/models/${REPO}/tree/${old}`)).json()) as { path: string }[]
    expect(listed.map(({ path }) => path)).toEqual(expect.arrayContaining(CHANGED))
    for (const path of CHANGED)
      expect(await digestOf(await get(policy, `/${REPO}/resolve/${old}/${path}`))).toBe(sourceOf(path, old))
  })

  it('git-lfs finds the objects of both, and chunks are found by their CID', async () => {
    const objects = [old, fresh].map((revision) => ({ oid: sourceOf('w.bin', revision), size: 3 * MIB }))
    const reply = await get(policy, `/${REPO}.git/info/lfs/objects/batch`, {
      method: 'POST',
      body: JSON.stringify({ operation: 'download', objects }),
    })
    const answer = (await reply.json()) as { objects: { oid: string; actions: { download: { href: string } } }[] }
    for (const { oid, actions } of answer.objects) expect(await digestOf(await fetch(actions.download.href))).toBe(oid)
    const chunk = await get(policy, `/ipfs/${chunkCid(sha256Of(Buffer.from(FIRST['config.json'])))}?format=raw`)
    expect(await chunk.text()).toBe(FIRST['config.json'])
  })
})
