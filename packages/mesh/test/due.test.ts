import { afterEach, expect, it } from 'vitest'
import { MIB } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { type LabNode, createLab, soon, until, wantsOf } from './support/lab.ts'
import { type RawNode, createRaw, reply } from './support/raw.ts'

const lab = createLab()
afterEach(() => lab.close())

const sample = sampleBlob(3 * MIB, 4)
const [first, ...rest] = wantsOf(sample)
const count = rest.length + 1

const chunkAt = (index: number): Uint8Array => {
  const start = sample.chunks.slice(0, index).reduce((sum, { length }) => sum + length, 0)
  return sample.bytes.subarray(start, start + sample.chunks[index]!.length)
}

const isLinked = ({ mesh }: LabNode, { node }: RawNode): boolean =>
  mesh.peers().some(({ peerId, connected }) => connected && peerId === node.peerId.toString())

/**
 * A node, one of its own site that has the first chunk, says that it fetches the others and brings in none, and one far away
 * that has all. @returns with which priorities the far one was asked, chunk by chunk, for what is read ahead
 */
const readAhead = async (dueMs: () => number): Promise<string[]> => {
  const [taker, mate, far] = [await lab.node(), await createRaw(lab, { site: 'here' }), await createRaw(lab)]
  const asked: string[] = []
  const mateIsKnown = Promise.withResolvers<void>()
  await mate.serve((request, stream) => {
    if (request.type === 'open')
      reply(
        stream,
        { type: 'have', id: request.id, length: count, at: 0, complete: false },
        Uint8Array.of(1, ...Array.from({ length: Math.ceil(count / 8) - 1 }, () => 0)),
      )
    if (request.type === 'chunk') reply(stream, { type: 'chunk', id: request.id }, chunkAt(request.index))
  })
  await far.serve((request, stream) => {
    if (request.type === 'open') {
      const have = { type: 'have', id: request.id, length: count, at: 0, complete: true }
      void mateIsKnown.promise.then(() => reply(stream, have))
    }
    if (request.type !== 'chunk') return
    asked[request.index] = request.priority ?? 'ahead'
    reply(stream, { type: 'chunk', id: request.id }, chunkAt(request.index))
  })
  for (const { address } of [mate, far]) await taker.mesh.dial(address, soon())
  await until('both are linked', () => isLinked(taker, mate) && isLinked(taker, far))
  const chunk = await taker.mesh.fetch(first!, { priority: 'reader', signal: soon() })
  chunk.release()
  expect(chunk.from).toBe(mate.node.peerId.toString())
  mateIsKnown.resolve()
  await until('the far one is known', () => taker.mesh.outlook(rest[0]!) !== undefined)
  const options = { priority: 'ahead', dueMs, signal: soon() } as const
  for (const chunk of await Promise.all(rest.map((want) => taker.mesh.fetch(want, options)))) chunk.release()
  return asked.slice(1)
}

it('what its own site does not bring in before a reader is there is fetched from outside as if that waited for it', async () => {
  expect(sample.chunks.length).toBeLessThan(16) // more would be taken over for want of anything else to do
  expect(await readAhead(() => 500)).toContain('reader')
})

it.each([
  ['that stands still', Infinity],
  ['that has time', 600_000],
])('nothing is fetched like that for a reader %s', async (_who, ms) => {
  expect(new Set(await readAhead(() => ms))).toEqual(new Set(['ahead']))
})
