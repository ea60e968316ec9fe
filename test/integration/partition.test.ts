/** Offices whose way to the seed fails in the middle of a pull, and comes back. */
import { setTimeout as sleep } from 'node:timers/promises'
import { MIB } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NO_UPSTREAM } from '../bench/samples.ts'
import { expectWhole, haveBytes, publishAll, pullAll, startInformed } from './blob-swarm.ts'
import { type Swarm, type SwarmNode, createSwarm } from './local-swarm.ts'
import { type SlowLink, createSlowLink } from './slow-link.ts'

const SIZE = 24 * MIB
const LINK_RATE = 6 * MIB
/** Longer than a request is waited for that brings nothing. */
const PARTITION_MS = 3_000

const blobs = {
  'far/silent': sampleBlob(SIZE, 81),
  'far/broken': sampleBlob(SIZE, 82),
}

let swarm: Swarm
let seed: SwarmNode
let link: SlowLink
let offices: SwarmNode[]

beforeAll(async () => {
  swarm = await createSwarm()
  seed = await swarm.startSeed({ upstream: NO_UPSTREAM })
  await publishAll(swarm, seed, blobs)
  link = await createSlowLink(seed, LINK_RATE)
  const ticket = await link.ticket()
  offices = await Promise.all(['rome', 'lima'].map((name) => startInformed(swarm, name, { ticket, blobs })))
})

afterAll(async () => {
  await swarm?.stop()
  await link?.stop()
})

const silence = { part: async () => link.hold(), heal: () => link.heal() }

/** The seed is frozen meanwhile: it tells of its address, and on one machine there is a way to that beside the link. */
const breach = {
  part: async () => {
    process.kill(seed.pid, 'SIGSTOP')
    await link.cut()
  },
  heal: async () => {
    await link.heal()
    process.kill(seed.pid, 'SIGCONT')
  },
}

describe('a partition that heals', () => {
  it.each([
    ['in which nothing passes', 'far/silent', silence],
    ['in which connections break, and none can be made', 'far/broken', breach],
  ] as const)('%s costs pulls nothing but time', async (_, repo, { part, heal }) => {
    let isDone = false
    const pulls = pullAll(offices, repo).then(() => (isDone = true))
    await haveBytes(offices, SIZE / 4)
    await part()
    await sleep(PARTITION_MS)
    expect(isDone).toBe(false)
    await heal()
    await pulls
    await expectWhole(offices, repo, blobs[repo])
  })
})
