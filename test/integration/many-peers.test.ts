/** A seed in a crowd of members: it stays responsive, a new office gets its file, and who takes nothing costs only itself. */
import { KIB, MIB } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { usageOf } from '../bench/measure.ts'
import { NO_UPSTREAM } from '../bench/samples.ts'
import { type Crowd, createCrowd } from './crowd/crowd.ts'
import { type Swarm, type SwarmNode, createSwarm, download } from './local-swarm.ts'
import { downloadBlob, publishBlob } from './publish-blob.ts'

const REPO = 'lab/model'
const PEERS = 500
const READING = 40
/** More than may be sent to at a time. */
const STALLING = 60
const model = sampleBlob(12 * MIB, 91)
/** What a node has that sends at full speed, and half a MiB for each peer. */
const MEMORY_BYTES = 300 * MIB + PEERS * 512 * KIB

let swarm: Swarm
let seed: SwarmNode
let crowd: Crowd

beforeAll(async () => {
  swarm = await createSwarm()
  seed = await swarm.startSeed({ upstream: NO_UPSTREAM })
  await publishBlob(swarm, seed, REPO, model)
  crowd = await createCrowd(seed, { peers: PEERS })
})

afterAll(async () => {
  await crowd?.stop()
  await swarm?.stop()
})

const connectedTo = async (node: SwarmNode): Promise<number> =>
  (await node.status()).peers.filter(({ connected }) => connected).length

it(`${PEERS} peers are all connected, and can all be asked`, async () => {
  expect(await crowd.connected()).toBe(PEERS)
  await seed.waitFor('all', ({ peers }) => peers.filter(({ connected }) => connected).length === PEERS)
})

it('while some read and others take nothing, all who ask are answered, and a new office completes', async () => {
  await crowd.stall(REPO, { peers: STALLING })
  const reading = crowd.read(REPO, { peers: READING })
  reading.catch(() => {}) // looked at below
  const office = await swarm.startOffice('office', { ticket: await seed.ticket() })
  const [ready, ofSeed] = await Promise.all([download(`${seed.gateway}/-/readyz`), downloadBlob(seed, REPO)])
  expect(ready.status).toBe(200)
  expect(ofSeed).toEqual({ size: model.size, sha256: model.sha256 })
  expect((await seed.cli('status')).code).toBe(0)
  await office.waitFor('the repo', ({ repos }) => repos.length > 0)
  expect(await downloadBlob(office, REPO)).toEqual({ size: model.size, sha256: model.sha256 })
  expect(await reading).toBe(READING * model.chunks.length)
})

it('nobody was cut off, and the memory is bounded', async () => {
  expect(await crowd.connected()).toBe(PEERS)
  expect(await connectedTo(seed)).toBe(PEERS + 1)
  expect((await usageOf(seed.pid)).peakRss).toBeLessThan(MEMORY_BYTES)
})
