import { once } from 'node:events'
import { type AddressInfo, connect as connectTo, createServer } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { KIB, MIB } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { afterEach, expect, it } from 'vitest'
import { type LabNode, createLab, fetchBlob, isConnected, seedBlob, soon, until } from './support/lab.ts'

/** A line brings now much and now little at a time: one noise message may come in a large read and many small ones. */

const LARGE_BYTES = 20 * KIB
const SMALL_BYTES = KIB
const SMALL_PARTS = 30

const lab = createLab()
afterEach(() => lab.close())

it('a connection holds, in whatever parts its bytes come', async () => {
  const [giver, taker] = [await lab.node({ site: 'far' }), await lab.node()]
  const sample = sampleBlob(8 * MIB, 11)
  await seedBlob(giver, sample)
  const link = await createUnevenLink(giver)
  await taker.mesh.dial(link.address, soon())
  await until('linked', () => isConnected(taker, giver))
  const { bytes } = await fetchBlob(taker.mesh, sample)
  expect(bytes.equals(sample.bytes)).toBe(true)
  expect(link.passed()).toBeGreaterThan(sample.size) // over the link, not over a connection made when it broke
})

/** A way to the node, over which what it sends comes in parts, each of which is read by itself. */
const createUnevenLink = async (node: LabNode): Promise<{ address: string; passed: () => number }> => {
  let passed = 0
  const server = createServer({ noDelay: true }, (near) => {
    const far = connectTo({ host: '127.0.0.1', port: Number(/\/tcp\/(\d+)/.exec(node.address)?.[1]), noDelay: true })
    const pass = async (): Promise<void> => {
      let parts = 0
      for await (const bytes of far as AsyncIterable<Buffer>) {
        for (let at = 0; at < bytes.length;) {
          const part = bytes.subarray(at, at + (parts++ % (SMALL_PARTS + 1) === 0 ? LARGE_BYTES : SMALL_BYTES))
          near.write(part)
          at += part.length
          passed += part.length
          await nextTurn()
        }
      }
    }
    near.pipe(far)
    near.once('close', () => far.destroy())
    near.on('error', () => {}) // it was reset: its close follows
    far.on('error', () => {}) // `pass` ends with it
    void pass()
      .catch(() => {})
      .finally(() => near.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  lab.defer(async () => void server.close())
  const { port } = server.address() as AddressInfo
  return { address: `/ip4/127.0.0.1/tcp/${port}/p2p/${node.mesh.peerId}`, passed: () => passed }
}
