/** Groups of offices that lose each other in the middle of a pull, without a word to anyone: real processes in network namespaces. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { MIB, type NodeStatus, sha256Of } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NO_UPSTREAM } from '../bench/samples.ts'
import { haveBytes, holds, publishAll, pullAll, startInformed } from '../integration/blob-swarm.ts'
import { type Swarm, type SwarmNode, createSwarm } from '../integration/local-swarm.ts'
import { FILE } from '../integration/publish-blob.ts'
import { type Network, type NetworkPlace, createNetwork, whyNoNetwork } from '../rig/network.ts'

const SIZE = 12 * MIB
/** So slow that there is a middle. */
const RATES = { up: 10, down: 10 }
const SEED_RATES = { up: 40, down: 40 }
/** Longer than a request is waited for that brings nothing. */
const PARTITION_MS = 3_000
const HEALED = 'far/healed'
const HALVES = 'far/halves'
const blobs = { [HEALED]: sampleBlob(SIZE, 101), [HALVES]: sampleBlob(SIZE, 102) }

const why = whyNoNetwork()
if (why !== undefined)
  console.warn(`NO NETWORK OF OUR OWN HERE, tests of partitions between offices are skipped: ${why}`)

describe.skipIf(why !== undefined)('a partition between groups of offices', () => {
  let network: Network
  let swarm: Swarm
  /** The seed's, that of the offices on its side, and that of the others. */
  let places: { seed: NetworkPlace; near: NetworkPlace[]; far: NetworkPlace[] }
  let near: SwarmNode[]
  let far: SwarmNode[]

  beforeAll(async () => {
    network = await createNetwork({ roundTripMs: 10, offload: true })
    swarm = await createSwarm()
    const attach = async (): Promise<NetworkPlace[]> => [await network.attach(RATES), await network.attach(RATES)]
    places = { seed: await network.attach(SEED_RATES), near: await attach(), far: await attach() }
    const seed = await swarm.startSeed({ upstream: NO_UPSTREAM, place: places.seed })
    await publishAll(swarm, seed, blobs)
    const ticket = await seed.ticket()
    const start = (group: 'near' | 'far'): Promise<SwarmNode[]> =>
      Promise.all(places[group].map((place, at) => startInformed(swarm, `${group}-${at}`, { ticket, blobs, place })))
    ;[near, far] = await Promise.all([start('near'), start('far')])
    const everyone = [...near, ...far]
    const isConnected = ({ peers }: NodeStatus): boolean =>
      peers.filter(({ connected }) => connected).length === everyone.length
    await Promise.all(everyone.map((node) => node.waitFor('all others', isConnected)))
  })

  afterAll(async () => {
    await swarm?.stop()
    await network?.stop()
  })

  const part = (): Promise<void> => network.part([places.seed, ...places.near], places.far)

  const expectWhole = async (nodes: readonly SwarmNode[], repo: keyof typeof blobs): Promise<void> => {
    for (const node of nodes) {
      const folder = join(swarm.folder, 'placed', node.name, repo)
      const { code, stderr } = await node.cli('pull', repo, '--to', folder)
      expect(code, stderr).toBe(0)
      expect(sha256Of(await readFile(join(folder, FILE)))).toBe(blobs[repo].sha256)
    }
  }

  it('that heals costs those without the seed nothing but time', async () => {
    const [nearPulls, farPulls] = [pullAll(near, HEALED), pullAll(far, HEALED)]
    await haveBytes(far, SIZE / 8)
    await part()
    await sleep(PARTITION_MS)
    for (const node of far) expect(holds(HEALED)(await node.status())).toBe(false)
    await network.heal()
    await Promise.all([nearPulls, farPulls])
    await expectWhole([...near, ...far], HEALED)
  })

  it('does not keep those from completing who have all of it between them', async () => {
    await Promise.all(far.map((node, at) => readRange(node, places.far[at], halfOf(at))))
    const nearPulls = pullAll(near, HALVES)
    const farPulls = pullAll(far, HALVES)
    await part()
    await farPulls
    await expectWhole(far, HALVES)
    await network.heal()
    await nearPulls
    await expectWhole(near, HALVES)
  })
})

const halfOf = (at: number): string => (at === 0 ? `bytes=0-${SIZE / 2}` : `bytes=${SIZE / 2}-`)

/** As a client at the node's place. */
const readRange = async ({ gateway }: SwarmNode, place: NetworkPlace | undefined, range: string): Promise<void> => {
  const [program, ...args] = [...(place?.command ?? []), process.execPath]
  const read = `const response = await fetch('${gateway}/${HALVES}/resolve/main/${FILE}', { headers: { range: '${range}' } })
    if (response.status !== 206) throw new Error('answered with ' + response.status)
    await response.arrayBuffer()`
  await promisify(execFile)(program, [...args, '--input-type=module', '--eval', read])
}
