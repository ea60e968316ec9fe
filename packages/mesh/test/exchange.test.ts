import { afterEach, describe, expect, it } from 'vitest'
import { MIB, encodeBlock } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import {
  type Store,
  connect,
  countersOf,
  createLab,
  fetchBlob,
  isConnected,
  seedBlob,
  soon,
  until,
  wantsOf,
} from './support/lab.ts'

const lab = createLab()
afterEach(() => lab.close())

describe('exchange between honest nodes', () => {
  it('brings a set of 8 MiB over, byte for byte, and counts it', async () => {
    const [giver, taker] = [await lab.node({ site: 'far', role: 'seed' }), await lab.node()]
    const sample = sampleBlob(8 * MIB, 1)
    await seedBlob(giver, sample)
    expect(taker.mesh.farthest()).toBeUndefined()
    await connect(taker, giver)
    expect([taker.mesh.farthest(), giver.mesh.farthest()]).toEqual(['seed', 'peer'])
    const { bytes, from } = await fetchBlob(taker.mesh, sample)
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect([...from.keys()]).toEqual([giver.mesh.peerId])
    expect(countersOf(taker)).toMatchObject({
      verifiedChunks: sample.chunks.length,
      verifiedBytes: sample.size,
      rejectedChunks: 0,
      wanBytes: sample.size,
      broughtBytes: sample.size,
      siteBytes: 0,
    })
    expect(taker.mesh.peers()).toMatchObject([{ site: 'far', connected: true, bytesIn: sample.size, bytesOut: 0 }])
    expect(giver.mesh.peers()).toMatchObject([{ site: 'here', bytesIn: 0, bytesOut: sample.size }])
    expect(taker.mesh.peers()[0]?.goodput).toBeGreaterThan(0)
  })

  it('gives a chunk until it is released, and nothing after', async () => {
    const [giver, taker] = [await lab.node(), await lab.node()]
    const sample = sampleBlob(MIB, 9)
    await seedBlob(giver, sample)
    await connect(taker, giver)
    const [want] = wantsOf(sample)
    if (want === undefined) throw new Error('a chunk is needed')
    const got = await taker.mesh.fetch(want, { priority: 'reader', signal: soon() })
    expect(got.bytes.sha256).toBe(want.sha256)
    got.release()
    expect(() => got.bytes).toThrow('after its release')
  })

  it('shares one file among two givers, which both contribute', async () => {
    const [first, second, taker] = [await lab.node(), await lab.node(), await lab.node()]
    const sample = sampleBlob(8 * MIB, 2)
    await Promise.all([seedBlob(first, sample), seedBlob(second, sample)])
    await Promise.all([connect(taker, first), connect(taker, second)])
    expect(taker.mesh.farthest()).toBe('site')
    const { bytes, from } = await fetchBlob(taker.mesh, sample)
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect([...from.keys()].toSorted()).toEqual([first.mesh.peerId, second.mesh.peerId].toSorted())
    expect(countersOf(taker).wanBytes).toBe(0)
    expect(countersOf(taker).siteBytes).toBeGreaterThanOrEqual(sample.size) // who is late is helped out: that may come twice
  })

  it('prefers a giver of its own site', async () => {
    const [far, near, taker] = [await lab.node({ site: 'far' }), await lab.node(), await lab.node()]
    const sample = sampleBlob(8 * MIB, 3)
    await Promise.all([seedBlob(far, sample), seedBlob(near, sample)])
    await Promise.all([connect(taker, far), connect(taker, near)])
    const wants = wantsOf(sample)
    const [first] = wants
    if (first === undefined) throw new Error('a chunk is needed')
    await taker.mesh.fetch(first, { priority: 'reader', signal: soon() }) // both have said by then what they have
    await until('both can give', () => taker.mesh.outlook(first) !== undefined)
    const { from } = await fetchBlob(taker.mesh, sample)
    expect(from.get(far.mesh.peerId) ?? 0).toBeLessThan(sample.size / 10)
  })

  it('tells what it brought into its site from what another there had, and did not give', async () => {
    const { promise: over, resolve: end } = Promise.withResolvers<void>()
    const stuck = ({ shelf }: Store): Partial<Store> => ({
      shelf: { ...shelf, read: (...args) => over.then(() => shelf.read(...args)) },
    })
    const [far, near, taker] = [await lab.node({ site: 'far' }), await lab.node({ change: stuck }), await lab.node()]
    lab.defer(async () => end())
    const sample = sampleBlob(MIB, 10)
    const [want] = wantsOf(sample)
    if (want === undefined) throw new Error('a chunk is needed')
    await Promise.all([seedBlob(far, sample), seedBlob(near, sample)])
    await connect(taker, near)
    taker.mesh.prepare(want.set)
    await until('it has said what it has', () => taker.mesh.outlook(want) !== undefined)
    await connect(taker, far)
    const got = await taker.mesh.fetch(want, { priority: 'reader', signal: soon() })
    expect(got.from).toBe(far.mesh.peerId)
    got.release()
    expect(countersOf(taker)).toMatchObject({ wanBytes: want.length, verifiedBytes: want.length, broughtBytes: 0 })
  })

  it('completes from the other when a giver is stopped half way', async () => {
    const [first, second, taker] = [await lab.node(), await lab.node(), await lab.node()]
    const sample = sampleBlob(12 * MIB, 4)
    await Promise.all([seedBlob(first, sample), seedBlob(second, sample)])
    await Promise.all([connect(taker, first), connect(taker, second)])
    let chunks = 0
    const { bytes, from } = await fetchBlob(taker.mesh, sample, {
      onChunk: async (_want, from) => {
        chunks += 1
        if (chunks >= sample.chunks.length / 3 && from.has(first.mesh.peerId)) void first.mesh.stop()
      },
    })
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect(from.has(second.mesh.peerId)).toBe(true)
    await until('it is gone', () => !isConnected(taker, first))
  })

  it('takes chunks from a giver that is still fetching them itself', async () => {
    const [seed, middle, taker] = [await lab.node(), await lab.node(), await lab.node()]
    const sample = sampleBlob(4 * MIB, 5)
    await middle.store.blocks.put(sample.blocks)
    await connect(taker, middle)
    const fetched = fetchBlob(taker.mesh, sample) // nobody has anything yet
    await until('the set is open', () => taker.mesh.outlook(wantsOf(sample)[0]!) === undefined)
    await seedBlob(seed, sample)
    await connect(middle, seed)
    const partial = await middle.store.blobs.openPartial(sample.plan)
    for (const want of wantsOf(sample)) {
      const got = await middle.mesh.fetch(want, { priority: 'ahead', signal: soon() })
      await partial.putChunk(want.index, got.bytes)
    }
    const { bytes, from } = await fetched
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect(from.get(middle.mesh.peerId)).toBeGreaterThan(0) // it may have found the seed as well
    await partial.close()
  })

  it('waits for a chunk that nobody has until the signal ends', async () => {
    const [other, taker] = [await lab.node(), await lab.node()]
    await connect(taker, other)
    const [want] = wantsOf(sampleBlob(MIB, 6))
    if (want === undefined) throw new Error('a chunk is needed')
    const signal = AbortSignal.timeout(700)
    const error = await taker.mesh.fetch(want, { priority: 'reader', signal }).catch((error: unknown) => error)
    expect(error).toBe(signal.reason)
    expect(taker.mesh.outlook(want)).toBeUndefined()
  })

  it('says when a chunk may be here', async () => {
    const [giver, taker] = [await lab.node(), await lab.node()]
    const sample = sampleBlob(2 * MIB, 7)
    await seedBlob(giver, sample)
    await connect(taker, giver)
    const [first, second] = wantsOf(sample)
    if (first === undefined || second === undefined) throw new Error('two chunks are needed')
    await taker.mesh.fetch(first, { priority: 'reader', signal: soon() })
    const seconds = taker.mesh.outlook(second)
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThan(5)
  })
})

describe('blocks and signatures', () => {
  it('come from whoever has them, and a block that nobody has is not ready', async () => {
    const [empty, holder, taker] = [await lab.node(), await lab.node(), await lab.node()]
    await Promise.all([connect(taker, empty), connect(taker, holder)])
    const block = encodeBlock({ v: 1, about: 'a block' })
    await holder.store.blocks.put([block])
    const hinted = await taker.mesh.fetchBlock(block.cid, { signal: soon(), hint: empty.mesh.peerId })
    expect(hinted).toEqual(block)
    const other = encodeBlock({ v: 1, about: 'nothing' })
    await expect(taker.mesh.fetchBlock(other.cid, { signal: soon() })).rejects.toMatchObject({ code: 'not-ready' })
  })

  it('brings the signatures of several peers together, once each', async () => {
    const [one, two, taker] = [await lab.node(), await lab.node(), await lab.node()]
    await Promise.all([connect(taker, one), connect(taker, two)])
    const manifest = encodeBlock({ v: 1, about: 'a manifest' }).cid
    const signature = (name: string) => ({ keyid: name, sig: new Uint8Array(64).fill(name.length) })
    await one.store.catalogs.addSignatures(manifest, [signature('a'), signature('bb')])
    await two.store.catalogs.addSignatures(manifest, [signature('a'), signature('ccc')])
    const found = await taker.mesh.fetchSignatures(manifest, { signal: soon() })
    expect(found.map(({ keyid }) => keyid).toSorted()).toEqual(['a', 'bb', 'ccc'])
  })
})
