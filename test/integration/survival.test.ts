/**
 * A swarm that loses a third of its offices, or its seed, in the middle of a pull: whoever is left has all of it in the end.
 * All send slowly, so that there is a middle.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { decodeTicket } from '@hubmesh/trust'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { NO_UPSTREAM } from '../bench/samples.ts'
import { expectWhole, haveBytes, holds, publishAll, pullAll, startInformed } from './blob-swarm.ts'
import { type Swarm, type SwarmNode, createSwarm } from './local-swarm.ts'
import { watchCopy } from './watch-copy.ts'

const SIZE = 48 * MIB
const SEED_RATE = '16MB/s'
const OFFICE_RATE = '4MB/s'
const OFFICES = ['oslo', 'rome', 'lima', 'cairo', 'quito']
const KILLED = 'lab/killed'
const ORPHANED = 'lab/orphaned'
const blobs = { [KILLED]: sampleBlob(SIZE, 91), [ORPHANED]: sampleBlob(SIZE, 92) }

let swarm: Swarm
let seed: SwarmNode
let ticket: string
let offices: SwarmNode[]

beforeAll(async () => {
  swarm = await createSwarm()
  await limitUpload('seed', SEED_RATE)
  seed = await swarm.startSeed({ upstream: NO_UPSTREAM })
  await publishAll(swarm, seed, blobs)
  ticket = await seed.ticket()
  offices = await Promise.all(OFFICES.map(startOffice))
})

afterAll(() => swarm?.stop())

/** @param name of a node that is yet to be started */
const limitUpload = async (name: string, rate: string): Promise<void> => {
  const home = join(swarm.folder, name)
  await mkdir(home, { mode: 0o700 })
  await writeFile(join(home, 'hubmesh.yaml'), `limits: { upload: { total: ${rate} } }\n`)
}

const startOffice = async (name: string): Promise<SwarmNode> => {
  await limitUpload(name, OFFICE_RATE)
  return startInformed(swarm, name, { ticket, blobs })
}

it('a third of the offices is killed while one joins: all who are left complete, and the others once they are back', async () => {
  const [victims, survivors] = [offices.slice(0, 2), offices.slice(2)]
  const pulls = pullAll(survivors, KILLED)
  for (const victim of victims) void victim.pull(KILLED).catch(() => {}) // cut off
  await haveBytes(victims, SIZE / 4)
  await Promise.all(victims.map((victim) => victim.kill()))
  for (const survivor of survivors) expect(holds(KILLED)(await survivor.status())).toBe(false)
  const late = await startOffice('late')
  offices.push(late)
  await Promise.all([pulls, pullAll([late], KILLED)])
  await expectWhole([...survivors, late], KILLED, blobs[KILLED])
  await Promise.all(victims.map((victim) => victim.restart()))
  await Promise.all(victims.map((victim) => victim.waitFor('all of it', holds(KILLED))))
  await expectWhole(victims, KILLED, blobs[KILLED])
})

it('the seed is killed once one copy has left it: every office completes from the others', async () => {
  const { networkKey } = decodeTicket(ticket)
  await using watch = await watchCopy(offices, networkKey, blobs[ORPHANED])
  const pulls = pullAll(offices, ORPHANED)
  await expect.poll(() => watch.together.complete, { interval: 10, timeout: 60_000 }).toBe(true)
  await seed.kill()
  const left = await Promise.all(offices.map((office) => office.status()))
  expect(left.filter(holds(ORPHANED)).length).toBeLessThan(offices.length)
  await pulls
  await expectWhole(offices, ORPHANED, blobs[ORPHANED])
})
