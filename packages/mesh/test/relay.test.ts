import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, describe, expect, it } from 'vitest'
import { KIB, MIB } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { BULK_WINDOW, BURST, PACED_BYTES, READ_HIGH, SECOND } from '../src/limits.ts'
import {
  type LabNode,
  connect,
  countersOf,
  createLab,
  fetchBlob,
  isConnected,
  manifestOf,
  networkKey,
  seedBlob,
  soon,
  until,
} from './support/lab.ts'
import { createRaw } from './support/raw.ts'

/** Nodes that nobody can dial: they listen on nothing, as behind a NAT. */

const lab = createLab()
afterEach(() => lab.close())

const sample = sampleBlob(3 * MIB, 41)
const SINK = '/test/sink/1'
const STREAMS = 64
const other = sampleBlob(2 * MIB, 42)

/** Connected to a seed, and reachable through it. */
const hidden = async (seed: LabNode, site: string): Promise<LabNode> => {
  const node = await lab.node({ listen: [], bootstrap: [seed.address], site })
  await until('it has a place', () => node.mesh.addresses().length > 0)
  return node
}

const addressesOf = (node: LabNode, of: LabNode): readonly string[] =>
  node.mesh.peers().find(({ peerId }) => peerId === of.mesh.peerId)?.addresses ?? []

describe('a node that listens on nothing', () => {
  it('takes and gives over the connection that it has dialled', async () => {
    const seed = await lab.node({ role: 'seed', site: 'datacentre', relay: false })
    const office = await lab.node({ listen: [], bootstrap: [seed.address] })
    await until('linked', () => isConnected(office, seed) && isConnected(seed, office))
    expect(office.mesh.addresses()).toEqual([])
    await Promise.all([seedBlob(seed, sample), seedBlob(office, other)])
    expect((await fetchBlob(office.mesh, sample)).bytes.equals(sample.bytes)).toBe(true)
    expect((await fetchBlob(seed.mesh, other)).bytes.equals(other.bytes)).toBe(true)
  })

  it('gives to another such node of what the seed does not have, through the seed', async () => {
    const seed = await lab.node({ role: 'seed', site: 'datacentre' })
    const [berlin, tokyo] = [await hidden(seed, 'berlin'), await hidden(seed, 'tokyo')]
    await seedBlob(berlin, sample)
    expect(berlin.mesh.addresses()[0]).toContain(`/p2p/${seed.mesh.peerId}/p2p-circuit/p2p/${berlin.mesh.peerId}`)
    berlin.mesh.provide(manifestOf(sample))
    // Found as a provider: no address is given to it.
    const { bytes, from } = await fetchBlob(tokyo.mesh, sample)
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect([...from.keys()]).toEqual([berlin.mesh.peerId])
    expect(addressesOf(tokyo, berlin).join()).toContain('/p2p-circuit/')
    expect(countersOf(tokyo)).toMatchObject({ wanBytes: sample.size, rejectedChunks: 0 })
  })

  it('is asked only for what no direct connection brings', async () => {
    const seed = await lab.node({ role: 'seed', site: 'datacentre' })
    const [berlin, tokyo] = [await hidden(seed, 'berlin'), await hidden(seed, 'tokyo')]
    await Promise.all([seedBlob(seed, sample), seedBlob(berlin, sample)])
    await tokyo.mesh.dial(berlin.mesh.addresses()[0] ?? '', soon())
    await until('linked', () => isConnected(tokyo, berlin))
    const { from } = await fetchBlob(tokyo.mesh, sample)
    expect([...from.keys()]).toEqual([seed.mesh.peerId])
  })

  it('has its place again after the seed was away', async () => {
    const seed = await lab.node({ role: 'seed' })
    const office = await hidden(seed, 'berlin')
    const raw = await createRaw(lab)
    await until('found', async () => {
      const dialled = raw.node.dial(multiaddr(office.mesh.addresses()[0] ?? ''), { signal: soon() })
      return dialled.then(({ limits }) => limits !== undefined)
    })
    await seed.mesh.stop()
    await until('it has none', () => office.mesh.addresses().length === 0)
    const again = await lab.node({ role: 'seed' })
    await connect(office, again)
    await until('it has one', () => office.mesh.addresses().some((address) => address.includes(again.mesh.peerId)))
  })
})

describe('a relay', () => {
  /** What it has passed on so far, at any time within a rate. */
  const watchRelayed = (seed: LabNode, rate: number): { stop: () => number } => {
    const start = performance.now()
    const before = countersOf(seed).relayedBytes
    let worst = -Infinity
    const look = (): void => {
      const passed = countersOf(seed).relayedBytes - before
      worst = Math.max(worst, passed - (rate * (performance.now() - start)) / SECOND)
    }
    const timer = setInterval(look, 5)
    lab.defer(async () => clearInterval(timer))
    return {
      stop: () => {
        look()
        clearInterval(timer)
        return worst
      },
    }
  }
  /** What the bucket holds, and a piece of each that stands in line. */
  const atOnce = (rate: number, lines: number): number => (rate * BURST) / SECOND + lines * PACED_BYTES

  it('counts what it passes on, and nothing else', async () => {
    const seed = await lab.node({ role: 'seed', site: 'datacentre' })
    const [berlin, tokyo] = [await hidden(seed, 'berlin'), await hidden(seed, 'tokyo')]
    await Promise.all([seedBlob(seed, other), seedBlob(berlin, sample)])
    await fetchBlob(tokyo.mesh, other)
    expect(countersOf(seed).relayedBytes).toBe(0)
    await tokyo.mesh.dial(berlin.mesh.addresses()[0] ?? '', soon())
    await fetchBlob(tokyo.mesh, sample)
    expect(countersOf(seed).relayedBytes).toBeGreaterThan(sample.size)
    expect(countersOf(seed).relayedBytes).toBeLessThan(1.1 * sample.size)
    expect(countersOf(tokyo).relayedBytes).toBe(0)
  })

  it('keeps to its cap, for all that it passes on, and each comes to his end', async () => {
    const rate = 2 * MIB
    const caps = { upload: {}, download: {}, relayed: rate }
    const seed = await lab.node({ role: 'seed', site: 'datacentre', limits: { caps: () => caps } })
    const berlin = await hidden(seed, 'berlin')
    await seedBlob(berlin, sample)
    const takers = await Promise.all(['tokyo', 'lima'].map((site) => hidden(seed, site)))
    const relayed = watchRelayed(seed, rate)
    await Promise.all(takers.map((taker) => taker.mesh.dial(berlin.mesh.addresses()[0] ?? '', soon())))
    const got = await Promise.all(takers.map((taker) => fetchBlob(taker.mesh, sample, { signal: soon(120) })))
    for (const { bytes } of got) expect(bytes.equals(sample.bytes)).toBe(true)
    expect(relayed.stop()).toBeLessThanOrEqual(atOnce(rate, 4))
    expect(countersOf(seed).relayedBytes).toBeGreaterThan(2 * sample.size)
  })

  it('shares its cap: one that takes little is not held up by one that takes much', async () => {
    const caps = { upload: {}, download: {}, relayed: MIB }
    const seed = await lab.node({ role: 'seed', site: 'datacentre', limits: { caps: () => caps } })
    const berlin = await hidden(seed, 'berlin')
    const [much, little] = [sampleBlob(12 * MIB, 43), sampleBlob(512 * 1024, 44)]
    await Promise.all([seedBlob(berlin, much), seedBlob(berlin, little)])
    const [greedy, modest] = [await hidden(seed, 'tokyo'), await hidden(seed, 'lima')]
    for (const taker of [greedy, modest]) await taker.mesh.dial(berlin.mesh.addresses()[0] ?? '', soon())
    const stop = new AbortController()
    const taking = fetchBlob(greedy.mesh, much, { signal: stop.signal }).catch(() => {})
    await until('it takes', () => countersOf(greedy).wanBytes > 0)
    const before = countersOf(greedy).wanBytes
    expect((await fetchBlob(modest.mesh, little, { signal: soon(120) })).bytes.equals(little.bytes)).toBe(true)
    expect(countersOf(greedy).wanBytes - before).toBeLessThan(much.size / 2)
    stop.abort()
    await taking
  })
})

describe('a relay of which too much is asked', () => {
  it('leaves unread what it cannot pass on yet, and so holds the sender back', async () => {
    const heard = new Map<string, number>()
    let passed = 0
    let cap: number | undefined
    const relay = await createRaw(lab, {
      relay: { cap: () => cap, onRelayed: (bytes) => void (passed += bytes) },
      onBytes: (peerId, bytes) => void heard.set(peerId, (heard.get(peerId) ?? 0) + bytes),
    })
    const [from, to] = [await createRaw(lab), await createRaw(lab)]
    const many = { maxInboundStreams: STREAMS, maxOutboundStreams: STREAMS, runOnLimitedConnection: true }
    let received = 0
    await to.node.handle(
      SINK,
      (stream) => stream.addEventListener('message', ({ data }) => void (received += data.byteLength)),
      many,
    )
    await to.node.dial(multiaddr(relay.address), { signal: soon() })
    await to.node.services.relayListener.listenAt(multiaddr(relay.address))
    const address = multiaddr(`${relay.address}/p2p-circuit/p2p/${to.node.peerId.toString()}`)
    const connection = await from.node.dial(address, { signal: soon() })
    const streams = await Promise.all(
      Array.from({ length: STREAMS }, () => connection.newStream(SINK, { ...many, signal: soon() })),
    )
    cap = 64 * KIB
    // More than one window of the connection to the relay, and than it reads ahead.
    for (const stream of streams) stream.send(new Uint8Array(256 * KIB))
    const peerId = from.node.peerId.toString()
    const sent = STREAMS * 256 * KIB
    const before = passed
    await until('something is passed on', () => passed - before > 128 * KIB)
    expect((heard.get(peerId) ?? 0) - passed).toBeLessThan(BULK_WINDOW + READ_HIGH + MIB)
    cap = undefined
    await until('all is passed on', () => received === sent)
  })
})

describe('a relayed connection', () => {
  it('gives way to a direct one', async () => {
    const seed = await lab.node({ role: 'seed' })
    const office = await hidden(seed, 'berlin')
    const open = await lab.node() // can be dialled
    await open.mesh.dial(office.mesh.addresses()[0] ?? '', soon())
    await until('direct', () => {
      const addresses = addressesOf(office, open)
      return isConnected(office, open) && addresses.length > 0 && !addresses.join().includes('p2p-circuit')
    })
    await until(
      'direct there too',
      () => isConnected(open, office) && !addressesOf(open, office).join().includes('p2p-circuit'),
    )
    await seedBlob(office, sample)
    expect((await fetchBlob(open.mesh, sample)).bytes.equals(sample.bytes)).toBe(true)
  })

  it('holds the network key from end to end, and leads nowhere for strangers', async () => {
    const seed = await lab.node({ role: 'seed' })
    const office = await hidden(seed, 'berlin')
    const [member, stranger] = [await createRaw(lab), await createRaw(lab, { key: networkKey('theirs') })]
    const address = multiaddr(office.mesh.addresses()[0] ?? '')
    const connection = await member.node.dial(address, { signal: soon() })
    expect(connection.encryption).toMatch(/^\/hubmesh\/noise\//)
    expect(connection.limits).toBeDefined()
    await expect(stranger.node.dial(address, { signal: soon() })).rejects.toThrow(/could not negotiate/)
  })
})
