import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MIB } from '@hubmesh/content'
import { parseExposition, sampleBlob } from '@hubmesh/testing'
import { NO_UPSTREAM } from '../bench/samples.ts'
import { type Swarm, type SwarmNode, createSwarm } from './local-swarm.ts'
import { publishBlob } from './publish-blob.ts'
import { type SlowLink, createSlowLink } from './slow-link.ts'

/** Two nodes of one office, far from the seed: what both want comes over the link once. */

const REPO = 'lab/model'
const OTHER = 'lab/other'
const LINK_RATE = 6 * MIB
const model = sampleBlob(24 * MIB, 71)
const other = sampleBlob(16 * MIB, 72)

let swarm: Swarm
let seed: SwarmNode
let link: SlowLink
let nodes: [SwarmNode, SwarmNode]

beforeAll(async () => {
  swarm = await createSwarm()
  seed = await swarm.startSeed({ upstream: NO_UPSTREAM })
  await publishBlob(swarm, seed, REPO, model)
  await publishBlob(swarm, seed, OTHER, other)
  link = await createSlowLink(seed, LINK_RATE)
  const ticket = await link.ticket()
  nodes = [
    await swarm.startOffice('tokyo', { ticket }),
    await swarm.startOffice('tokyo-2', { ticket, args: ['--site', 'tokyo'] }),
  ]
  for (const node of nodes) {
    await node.waitFor('the catalog', ({ repos }) => repos.length === 2)
    await node.waitFor('the other', ({ peers }) => peers.some(({ site, connected }) => site === 'tokyo' && connected))
  }
})

afterAll(async () => {
  await link?.stop()
  await swarm?.stop()
})

const wanCopies = async (node: SwarmNode): Promise<number> => (await node.status()).counters.wanBytes / model.size

describe('two nodes of a site that pull the same at once', () => {
  it('bring it in once between them', async () => {
    const [first, second] = nodes
    const results = await Promise.all([first.cli('pull', REPO), second.cli('pull', REPO)])
    expect(results.map(({ code }) => code)).toEqual([0, 0])
    const [ofFirst, ofSecond] = [await wanCopies(first), await wanCopies(second)]
    expect(Math.min(ofFirst, ofSecond)).toBeGreaterThan(0.25) // both do their part
    expect(ofFirst + ofSecond).toBeLessThan(1.3) // 1.0 to 1.07; 2.0 if each came for itself
  })

  it('and say so: what came over what the site needed once, summed over both', async () => {
    const scrapes = await Promise.all(
      nodes.map(async ({ gateway }) => parseExposition(await (await fetch(`${gateway}/-/metrics`)).text())),
    )
    const sum = (name: string): number =>
      scrapes.reduce((total, { value }) => total + value(name, { site: 'tokyo' }), 0)
    const [came, needed] = [sum('hubmesh_wan_bytes_total'), sum('hubmesh_brought_bytes_total')]
    expect(needed).toBeGreaterThanOrEqual(model.size) // each chunk was first at one of them
    expect(needed).toBeLessThan(1.1 * model.size) // what both received at the same moment neither could know of
    expect(came / needed).toBeGreaterThanOrEqual(1)
    expect(came / needed).toBeLessThanOrEqual(came / model.size)
    expect(scrapes.map(({ value }) => value('hubmesh_site_nodes'))).toEqual([2, 2])
    const { counters, wanCopies: told } = await nodes[0].status()
    expect(told).toBe(counters.wanBytes / counters.broughtBytes)
    expect((await nodes[0].cli('status')).stdout).toContain(`${told?.toFixed(2)} copies into tokyo`)
  })

  it('go on alone when the other is killed', async () => {
    const [survivor, victim] = nodes
    const pulling = survivor.cli('pull', OTHER)
    const lost = victim.cli('pull', OTHER)
    await survivor.waitFor('a part', ({ transfers }) => transfers.some(({ done }) => done > 2 * MIB))
    await victim.kill()
    expect((await pulling).code).toBe(0)
    await lost
  })
})
