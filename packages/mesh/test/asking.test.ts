import { afterEach, describe, expect, it } from 'vitest'
import { MAX_CHUNK_BYTES, MIB } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { ASKING_BURST, SECOND } from '../src/limits.ts'
import { connect, countersOf, createLab, fetchBlob, seedBlob, soon, until, wantsOf } from './support/lab.ts'

/** How fast a node asks under its caps, over real connections. */

const lab = createLab()
afterEach(() => lab.close())

const sample = sampleBlob(3 * MIB, 51)
const other = sampleBlob(2 * MIB, 52)

describe('under a download cap', () => {
  it.each([
    ['total', 'here'],
    ['otherSites', 'far'],
  ] as const)('of %s, no more comes than it lets in', async (name, site) => {
    const rate = MIB
    const node = await lab.node({ limits: { caps: () => ({ upload: {}, download: { [name]: rate } }) } })
    const givers = await Promise.all([lab.node({ site }), lab.node({ site })])
    await Promise.all(givers.map((giver) => seedBlob(giver, sample)))
    await Promise.all(givers.map((giver) => connect(node, giver)))
    const start = performance.now()
    const received = (): number => countersOf(node).wanBytes + countersOf(node).siteBytes
    const { bytes } = await fetchBlob(node.mesh, sample, {
      onChunk: async () => {
        const allowed = (rate * (performance.now() - start + ASKING_BURST)) / SECOND + MAX_CHUNK_BYTES
        expect(received()).toBeLessThanOrEqual(allowed)
      },
    })
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect(received()).toBe(sample.size) // nothing was asked twice
  })

  it('of prefetch, a reader overtakes what is fetched ahead', async () => {
    const node = await lab.node({ limits: { caps: () => ({ upload: {}, download: { prefetch: 64 * 1024 } }) } })
    const giver = await lab.node()
    await Promise.all([seedBlob(giver, sample), seedBlob(giver, other)])
    await connect(node, giver)
    const stop = new AbortController()
    const ahead = wantsOf(sample).map(async (want) => {
      const chunk = await node.mesh.fetch(want, { priority: 'prefetch', signal: stop.signal })
      chunk.release()
      return chunk.from
    })
    const background = Promise.allSettled(ahead)
    await until('it began', () => countersOf(node).siteBytes > 0)
    expect((await fetchBlob(node.mesh, other)).bytes.equals(other.bytes)).toBe(true)
    // The whole of it would take 48 s, the other file comes at the speed of the wire.
    expect(countersOf(node).siteBytes - other.size).toBeLessThan(sample.size)
    stop.abort()
    expect((await background).some(({ status }) => status === 'rejected')).toBe(true)
  })

  it('of everything, a reader comes before what is fetched ahead', async () => {
    const node = await lab.node({ limits: { caps: () => ({ upload: {}, download: { total: 2 * MIB } }) } })
    const giver = await lab.node()
    await Promise.all([seedBlob(giver, sample), seedBlob(giver, other)])
    await connect(node, giver)
    const stop = new AbortController()
    const ahead = wantsOf(sample).map((want) =>
      node.mesh.fetch(want, { priority: 'prefetch', signal: stop.signal }).then((chunk) => chunk.release()),
    )
    const background = Promise.allSettled(ahead)
    await until('it began', () => countersOf(node).siteBytes > 0)
    const before = countersOf(node).siteBytes
    await fetchBlob(node.mesh, other, { signal: soon() })
    // At most what was on its way, and what the bucket held.
    expect(countersOf(node).siteBytes - before - other.size).toBeLessThan(2 * MIB)
    stop.abort()
    await background
  })
})
