/**
 * Offices that can only dial out, as behind home routers: real processes in network namespaces with translated addresses. The
 * only node that can be dialled holds nothing.
 */
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createNetworkKey, encodeTicket, loadIdentity, peerIdOf } from '@hubmesh/trust'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NO_UPSTREAM, publish, writeRandomFile } from '../bench/samples.ts'
import { type Network, type NetworkPlace, createNetwork, whyNoNetwork } from '../rig/network.ts'
import { type Swarm, type SwarmNode, createSwarm } from '../integration/local-swarm.ts'

const REPO = 'acme/voice'
const SIZE = 3_000_000
/** What the relay passes on at most, in bytes a second. */
const RELAYED = 2_000_000
const RATES = { up: 200, down: 200 }

const whyNoTranslation = (): string | undefined => {
  try {
    execFileSync('nft', ['--version'], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    if (process.env['CI'] === '1') throw error // .ci/run installs it
    return 'there is no nft (Debian: nftables)'
  }
}
const why = whyNoNetwork() ?? whyNoTranslation()
if (why !== undefined) console.warn(`NO NAT HERE, tests of it are skipped: ${why}`)

describe.skipIf(why !== undefined)('behind a NAT', () => {
  let network: Network
  let swarm: Swarm
  let relay: SwarmNode
  let seed: SwarmNode
  let office: SwarmNode

  beforeAll(async () => {
    network = await createNetwork({ roundTripMs: 10, offload: true })
    swarm = await createSwarm()
    const behindRouter = async (): Promise<NetworkPlace> =>
      network.attach({ ...RATES, behind: await network.attach({ ...RATES, nat: true }) })
    const [cloud, here, there] = await Promise.all([network.attach(RATES), behindRouter(), behindRouter()])
    await mkdir(join(swarm.folder, 'seed'))
    await mkdir(join(swarm.folder, 'cloud'), { mode: 0o700 })
    await writeFile(join(swarm.folder, 'cloud', 'hubmesh.yaml'), `limits: { relayed: ${RELAYED / 1000}KB/s }\n`)
    const publishers = [peerIdOf(await loadIdentity(join(swarm.folder, 'seed', 'identity.key')))]
    const networkKey = createNetworkKey()
    const ticket = (addresses: readonly string[]): string => encodeTicket({ networkKey, addresses, publishers })
    relay = await swarm.startOffice('cloud', { ticket: ticket([]), place: cloud, args: ['--relay'] })
    const invitation = ticket(relay.addresses)
    seed = await swarm.startSeed({ upstream: NO_UPSTREAM, place: here, args: ['--join', invitation] })
    office = await swarm.startOffice('tokyo', { ticket: invitation, place: there })
  })

  afterAll(async () => {
    await swarm?.stop()
    await network?.stop()
  })

  it('an office takes what only a node behind another NAT has, through a relay that keeps nothing of it, and passes it on under its cap', async () => {
    const folder = join(swarm.folder, 'files')
    await mkdir(folder)
    await writeRandomFile(join(folder, 'model.bin'), SIZE)
    await publish(seed, folder, REPO)
    await office.waitFor('the catalog', ({ repos }) => repos.length === 1)
    const before = (await relay.status()).counters.relayedBytes
    const start = performance.now()
    const { code, stderr } = await office.cli('pull', REPO)
    expect(code, stderr).toBe(0)
    const relayed = (await relay.status()).counters.relayedBytes - before
    expect(relayed).toBeGreaterThanOrEqual(SIZE)
    expect(relayed).toBeLessThanOrEqual(RELAYED * ((performance.now() - start) / 1000 + 0.1) + 2 * 16_384)
    expect((await relay.cli('status')).stdout).toMatch(
      /relayed {3}\d.* between others\ncaps now {2}relayed 2\.0 MB\/s\n/,
    )
    const { peers, counters } = await office.status()
    expect(counters.wanBytes).toBeGreaterThanOrEqual(SIZE)
    const giver = peers.find(({ peerId }) => peerId === seed.peerId)
    expect(giver?.bytesIn).toBeGreaterThanOrEqual(SIZE)
    expect(giver?.addresses.join()).toContain(`/p2p/${relay.peerId}/p2p-circuit/`)
    expect((await relay.status()).store.bytes).toBe(0)
  })

  it('a node that can be dialled takes from one that cannot, over the connection that that one has dialled', async () => {
    const { code, stderr } = await relay.cli('pull', REPO)
    expect(code, stderr).toBe(0)
    const { peers } = await relay.status()
    expect(peers.reduce((sum, { bytesIn }) => sum + bytesIn, 0)).toBeGreaterThanOrEqual(SIZE)
    expect(peers.flatMap(({ addresses }) => addresses).join()).not.toContain('p2p-circuit')
  })
})
