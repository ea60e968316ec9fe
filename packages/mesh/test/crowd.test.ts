import { afterEach, describe, expect, it } from 'vitest'
import { once } from 'node:events'
import { multiaddr } from '@multiformats/multiaddr'
import { MIB, encodeBlock, silentLog } from '@hubmesh/content'
import { createMemoryStore, sampleBlob } from '@hubmesh/testing'
import { createArrivals } from '../src/exchange/arrivals.ts'
import { createHeartbeat } from '../src/node/heartbeat.ts'
import { connect, createLab, fetchBlob, isConnected, seedBlob, soon, until } from './support/lab.ts'
import { createRaw } from './support/raw.ts'

/** What each further peer costs, and where the number of peers ends. */

const lab = createLab()
afterEach(() => lab.close())

const sample = sampleBlob(2 * MIB, 51)

describe('the bound of connections', () => {
  it('keeps newcomers out, and cuts nobody off; who leaves makes room', async () => {
    const full = await lab.node({ limits: { connections: 2 } })
    await seedBlob(full, sample)
    const [first, second, third] = [await lab.node(), await lab.node(), await lab.node()]
    await connect(first, full)
    await connect(second, full)
    await expect(third.mesh.dial(full.address, soon())).rejects.toMatchObject({ code: 'unreachable' })
    expect([isConnected(full, first), isConnected(full, second)]).toEqual([true, true])
    expect((await fetchBlob(first.mesh, sample)).bytes.equals(sample.bytes)).toBe(true)
    await second.mesh.stop()
    await until('there is room', () => !isConnected(full, second))
    await until('it has come', async () => {
      await third.mesh.dial(full.address, soon()).catch(() => {}) // the place may not be free yet
      return isConnected(full, third)
    })
  })

  it('cuts none of them off either when this node itself dials more', async () => {
    const full = await lab.node({ limits: { connections: 2 } })
    const members = [await lab.node(), await lab.node()]
    for (const member of members) await connect(full, member)
    const raw = await createRaw(lab)
    await raw.serve(() => {})
    await full.mesh.dial(raw.address, soon()).catch(() => {}) // it may be closed at once: it has no stream yet
    await fetchBlob(full.mesh, await seededBy(members[0]))
    expect(members.map((member) => isConnected(full, member))).toEqual([true, true])
  })
})

const seededBy = async (node: Awaited<ReturnType<typeof lab.node>> | undefined): Promise<typeof sample> => {
  if (node !== undefined) await seedBlob(node, sample)
  return sample
}

/** The DHT pings a newcomer too, and what breaks off while the two get to know each other is tried again. */
describe('a heartbeat', () => {
  it.each([
    { what: 'quiet', heardAt: () => -Infinity, enough: (pings: number) => pings > 5, most: Infinity },
    { what: 'that bytes come on', heardAt: () => performance.now(), enough: (pings: number) => pings > 0, most: 4 },
  ])('on a line $what: at most $most', async ({ heardAt, enough, most }) => {
    const [near, far] = [await createRaw(lab), await createRaw(lab)]
    let pings = 0
    await far.node.unhandle('/ipfs/ping/1.0.0')
    // Listens before anything else is done: what came earlier would be lost.
    await far.node.handle('/ipfs/ping/1.0.0', (stream) => {
      pings += 1
      stream.addEventListener('message', ({ data }) => void stream.send(data))
      stream.addEventListener('remoteCloseWrite', () => void stream.close().catch(() => {}))
    })
    const heartbeat = createHeartbeat({ node: near.node, log: silentLog, heardAt }, { interval: 50, timeout: 1000 })
    heartbeat.start()
    lab.defer(async () => heartbeat.stop())
    await near.node.dial(multiaddr(far.address), { signal: soon() })
    const connections = () => near.node.getConnections(far.node.peerId)
    await until('pinged', () => enough(pings))
    await until('measured', () => connections().some(({ rtt }) => rtt !== undefined))
    await once(AbortSignal.timeout(500), 'abort')
    expect(pings).toBeLessThanOrEqual(most)
    expect(connections().map(({ status }) => status)).toContain('open')
  })
})

describe('chunks that arrive', () => {
  it('are told to whom their set is open, and the less often the more are to be told', async () => {
    const store = createMemoryStore()
    const arrivals = createArrivals(store.shelf)
    const other = encodeBlock({ v: 1 }).cid
    const heard: string[] = []
    const stops = Array.from({ length: 500 }, (_, n) =>
      arrivals.listen(sample.list, (index) => heard.push(`${n}:${index}`)),
    )
    expect([arrivals.spacing(other), arrivals.spacing(sample.list)]).toEqual([0, 500])
    for (const stop of stops.slice(1)) stop()
    expect(arrivals.spacing(sample.list)).toBe(1)
    arrivals.listen(other, () => heard.push('other'))
    await store.blocks.put(sample.blocks)
    const partial = await store.blobs.openPartial(sample.plan)
    for (const [index, chunk] of sample.chunks.entries()) await partial.putChunk(index, chunk)
    await partial.close()
    expect(heard).toEqual(sample.chunks.map((_, index) => `0:${index}`))
    arrivals.stop()
  })
})
