import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB } from '@hubmesh/content'
import { type Exposition, parseExposition, sampleBlob } from '@hubmesh/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { NO_UPSTREAM } from '../bench/samples.ts'
import { type Swarm, type SwarmNode, createSwarm } from './local-swarm.ts'
import { publishBlob } from './publish-blob.ts'

/** What Prometheus gets of real nodes. */

const REPO = 'lab/model'
const TOKEN = 'hf_aTokenThatNobodyMaySee'
const model = sampleBlob(8 * MIB, 91)

let swarm: Swarm
let seed: SwarmNode
let office: SwarmNode

beforeAll(async () => {
  swarm = await createSwarm()
  const tokenFile = join(swarm.folder, 'token')
  await writeFile(tokenFile, TOKEN)
  seed = await swarm.startSeed({ upstream: NO_UPSTREAM, args: ['--upstream-token-file', tokenFile] })
  await publishBlob(swarm, seed, REPO, model)
  office = await swarm.startOffice('tokyo', { ticket: await seed.ticket() })
  await office.waitFor('the catalog', ({ repos }) => repos.length === 1)
})

afterAll(() => swarm?.stop())

const scrapeText = async ({ gateway }: SwarmNode): Promise<string> => (await fetch(`${gateway}/-/metrics`)).text()
const scrape = async (node: SwarmNode): Promise<Exposition> => parseExposition(await scrapeText(node))

it('grows with a pull, on both sides', async () => {
  const before = await scrape(office)
  const repo = { type: 'model', repo: REPO, ref: 'main' }
  const site = { site: 'tokyo' }
  expect(before.value('hubmesh_ready')).toBe(1)
  expect(before.value('hubmesh_wan_bytes_total', site)).toBe(0)
  expect(before.value('hubmesh_repo_complete', repo)).toBe(0)
  await office.pull(REPO)
  const after = await scrape(office)
  expect(after.value('hubmesh_wan_bytes_total', site)).toBeGreaterThanOrEqual(model.size)
  expect(after.value('hubmesh_brought_bytes_total', site)).toBe(model.size)
  expect(after.value('hubmesh_verified_chunks_total', site)).toBe(model.chunks.length)
  expect(after.value('hubmesh_rejected_chunks_total', site)).toBe(0)
  expect(after.value('hubmesh_peer_in_bytes_total', { peer: seed.peerId, peer_site: 'seed' })).toBe(
    after.value('hubmesh_wan_bytes_total'),
  )
  expect(after.value('hubmesh_repo_held_bytes', repo)).toBe(model.size)
  expect(after.value('hubmesh_repo_complete', repo)).toBe(1)
  expect(after.value('hubmesh_store_bytes')).toBe(model.size)
  expect(after.value('process_cpu_seconds_total')).toBeGreaterThan(before.value('process_cpu_seconds_total'))
  expect((await scrape(seed)).value('hubmesh_peer_out_bytes_total', { peer: office.peerId })).toBeGreaterThanOrEqual(
    model.size,
  )
})

it('tells no secret', async () => {
  for (const node of [seed, office]) {
    const text = await scrapeText(node)
    const key = await readFile(join(node.home, 'network.key'))
    const secrets = [
      TOKEN,
      await node.ticket(),
      node.home,
      swarm.folder,
      ...(['hex', 'base64', 'base64url', 'latin1'] as const).map((encoding) => key.toString(encoding).trim()),
      ...node.addresses,
    ]
    expect(secrets.filter((secret) => secret === '' || text.includes(secret))).toEqual([])
  }
})

it('has what the queries and alerts of the README ask for', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const queries = readme.split('\n').filter((line) => /^ {4}.*hubmesh_/.test(line))
  const asked = new Set(queries.flatMap((line) => line.match(/hubmesh_\w+/g) ?? []))
  const { samples } = await scrape(office)
  const told = new Set(samples.map(({ name }) => name))
  expect(asked.size).toBeGreaterThan(5)
  expect([...asked].filter((name) => !told.has(name))).toEqual([])
})
