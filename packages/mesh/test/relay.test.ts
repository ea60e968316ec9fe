import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, describe, expect, it } from 'vitest'
import { MIB } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
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
    const other = sampleBlob(2 * MIB, 42)
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
