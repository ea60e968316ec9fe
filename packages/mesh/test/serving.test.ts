import { afterEach, describe, expect, it } from 'vitest'
import { MIB, link } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { readFrames } from '../src/exchange/frames.ts'
import { type Answer, answerSchema, decodeMessage } from '../src/exchange/messages.ts'
import {
  type LabNode,
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
import { createRaw, reply } from './support/raw.ts'

/** How what is asked of a node is shared among those who ask. */

const lab = createLab()
afterEach(() => lab.close())

const sample = sampleBlob(2 * MIB, 31)
const COUNT = sample.chunks.length

const giver = async (options: Parameters<typeof lab.node>[0] = {}): Promise<LabNode> => {
  const node = await lab.node(options)
  await seedBlob(node, sample)
  return node
}

/** Asks for chunks in one go, and gives so many answers as they come. */
const ask = async (node: LabNode, requests: readonly object[], answers = requests.length): Promise<Answer[]> => {
  const raw = await createRaw(lab)
  const stream = await raw.open(node.address)
  for (const request of requests) reply(stream, request)
  const heard: Answer[] = []
  for await (const frame of readFrames(stream).frames) {
    const { message } = decodeMessage(answerSchema, frame)
    if (message.type !== 'hello') heard.push(message)
    if (heard.length === answers) break
  }
  return heard
}

const chunk = (id: number, priority?: string) => ({
  type: 'chunk',
  id,
  set: link(sample.list),
  index: id % COUNT,
  ...(priority === undefined ? {} : { priority }),
})
const idsOf = (answers: readonly Answer[]): (number | undefined)[] =>
  answers.map((answer) => (answer.type === 'chunk' ? answer.id : undefined))

describe('on one stream', () => {
  it('chunks are answered by urgency, then in order, and no question waits for them', async () => {
    const { promise: allAsked, resolve: onSignatures } = Promise.withResolvers<void>()
    const node = await giver({
      change: ({ shelf, catalogs }) => ({
        shelf: { ...shelf, read: (...args) => allAsked.then(() => shelf.read(...args)) },
        catalogs: {
          ...catalogs,
          signatures: (manifest) => {
            onSignatures()
            return catalogs.signatures(manifest)
          },
        },
      }),
    })
    const asked = [
      chunk(1, 'repair'),
      chunk(2, 'prefetch'),
      chunk(3, 'reader'),
      chunk(4),
      chunk(5, 'soonest'),
      chunk(6, 'reader'),
      { type: 'signatures', id: 7, manifest: link(sample.list) },
    ]
    const answers = await ask(node, asked)
    // The first is taken up before the others are here.
    expect(idsOf(answers).filter((id) => id !== undefined)).toEqual([1, 3, 6, 4, 5, 2])
    expect(answers).toContainEqual({ type: 'signatures', id: 7, signatures: [] })
  })

  it('a cancelled chunk is not sent', async () => {
    const node = await giver()
    const asked = Array.from({ length: 40 }, (_, id) => chunk(id + 1, 'prefetch'))
    const answers = await ask(node, [...asked, { type: 'cancel', id: 40 }, chunk(41, 'repair')], 40)
    expect(idsOf(answers)).toEqual([...asked.slice(0, 39).map(({ id }) => id), 41])
  })
})

describe('with one upload slot', () => {
  it('six peers get all they want', async () => {
    const node = await giver({ limits: { uploads: 1 } })
    const takers = await Promise.all(Array.from({ length: 6 }, () => lab.node({ site: 'far' })))
    await Promise.all(takers.map((taker) => connect(taker, node)))
    const all = await Promise.all(takers.map((taker) => fetchBlob(taker.mesh, sample, { signal: soon(120) })))
    for (const { bytes } of all) expect(bytes.equals(sample.bytes)).toBe(true)
  })

  it('one that takes nothing is reset, and the next is served', async () => {
    const node = await giver({ limits: { uploads: 1 } })
    const [stuck, taker] = [await createRaw(lab), await lab.node()]
    const stream = await stuck.open(node.address)
    stream.pause()
    for (let id = 1; id <= 200; id += 1) reply(stream, chunk(id, 'reader')) // more than its window, and the sockets, take
    await until('it was served', () => node.mesh.peers().some(({ bytesOut }) => bytesOut > 0))
    await connect(taker, node)
    expect((await fetchBlob(taker.mesh, sample)).bytes.equals(sample.bytes)).toBe(true)
    await until('it is reset', () => stream.status !== 'open')
  })
})

describe('under a rate cap', () => {
  it('chunks for other sites trickle, and what its own site asks for meanwhile does not wait for them', async () => {
    const rate = MIB
    const node = await giver({ limits: { caps: () => ({ upload: { otherSites: rate }, download: {} }) } })
    const [far, near] = [await lab.node({ site: 'far' }), await lab.node()]
    await Promise.all([connect(far, node), connect(near, node)])
    const ends: string[] = []
    const start = performance.now()
    const slow = fetchBlob(far.mesh, sample).finally(() => ends.push('far'))
    await until('it trickles', () => (node.mesh.peers().find(({ site }) => site === 'far')?.bytesOut ?? 0) > 0)
    expect((await fetchBlob(near.mesh, sample)).bytes.equals(sample.bytes)).toBe(true)
    ends.push('near')
    expect((await slow).bytes.equals(sample.bytes)).toBe(true)
    expect(ends).toEqual(['near', 'far'])
    expect(performance.now() - start).toBeGreaterThan((sample.size / rate) * 900)
    expect(countersOf(far).wanBytes).toBe(sample.size) // nothing was given up, and asked for again
  })

  it('of everything, a reader comes first', async () => {
    const node = await giver({ limits: { caps: () => ({ upload: { total: MIB }, download: {} }) } })
    const [prefetching, reading] = [await lab.node(), await lab.node()]
    await Promise.all([connect(prefetching, node), connect(reading, node)])
    const stop = new AbortController()
    const background = wantsOf(sample).map((want) =>
      prefetching.mesh.fetch(want, { priority: 'prefetch', signal: stop.signal }).catch(() => {}),
    )
    await until('it began', () => node.mesh.peers().some(({ bytesOut }) => bytesOut > 0))
    const before = countersOf(prefetching).siteBytes
    await fetchBlob(reading.mesh, sample)
    expect(countersOf(prefetching).siteBytes - before).toBeLessThan(sample.size / 2)
    stop.abort()
    await Promise.all(background)
  })
})

describe('another version of the exchange', () => {
  it('is none in common: nobody is held guilty, and both stay members of the mesh', async () => {
    const [node, later] = [await lab.node(), await createRaw(lab)]
    await later.node.handle('/hubmesh/exchange/2.0.0', () => {})
    await node.mesh.dial(later.address, soon())
    await until('it is seen', () => node.mesh.peers().length === 1)
    const [status] = node.mesh.peers()
    expect(status).toMatchObject({ connected: false })
    expect(status?.banned).toBeUndefined()
    expect(later.node.getConnections()).toHaveLength(1)
    await expect(
      later.node.dialProtocol(later.node.getConnections()[0]!.remotePeer, '/hubmesh/exchange/2.0.0', {
        signal: soon(),
      }),
    ).rejects.toMatchObject({ name: 'UnsupportedProtocolError' })
  })

  it('is refused in a hello', async () => {
    const [node, other] = [await lab.node(), await createRaw(lab)]
    const stream = await other.open(node.address, { greet: false })
    reply(stream, { type: 'hello', version: 2, site: 'x', role: 'peer', features: [] })
    await until('it is reset', () => stream.status !== 'open')
    const honest = await lab.node()
    await connect(honest, node)
    expect(isConnected(honest, node)).toBe(true)
  })
})
