import { afterEach, describe, expect, it } from 'vitest'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { MIB, type ChunkShelf, type Cid, encodeBlock, link } from '@hubmesh/content'
import { sampleBlob, sampleBytes } from '@hubmesh/testing'
import { EXCHANGE } from '../src/exchange/messages.ts'
import {
  type LabNode,
  connect,
  countersOf,
  createLab,
  fetchBlob,
  isConnected,
  networkKey,
  seedBlob,
  soon,
  until,
  wantsOf,
} from './support/lab.ts'
import { type RawNode, collectFrames, createRaw, reply } from './support/raw.ts'

const lab = createLab()
afterEach(() => lab.close())

const sample = sampleBlob(3 * MIB, 1)

const chunkAt = (index: number): Uint8Array => {
  const start = sample.chunks.slice(0, index).reduce((sum, { length }) => sum + length, 0)
  return sample.bytes.subarray(start, start + (sample.chunks[index]?.length ?? 0))
}

/** A taker with an honest giver, and a hostile one that says it has everything and answers chunks in its own way. */
const beset = async (
  answer: (stream: Stream, request: { id: number; index: number }) => void,
): Promise<{ taker: LabNode; honest: LabNode; hostile: RawNode }> => {
  const [honest, taker, hostile] = [await lab.node({ site: 'far' }), await lab.node(), await createRaw(lab)]
  await seedBlob(honest, sample)
  await hostile.serve((request, stream) => {
    if (request.type === 'open')
      reply(stream, { type: 'have', id: request.id, length: sample.chunks.length, at: 0, complete: true })
    if (request.type === 'chunk') answer(stream, request)
  })
  await taker.mesh.dial(hostile.address, soon())
  await connect(taker, honest)
  await until('the hostile one is linked', () => statusOf(taker, hostile)?.connected === true)
  return { taker, honest, hostile }
}

const statusOf = ({ mesh }: LabNode, { node }: RawNode) =>
  mesh.peers().find(({ peerId }) => peerId === node.peerId.toString())

describe('a hostile giver', () => {
  it('that sends wrong bytes is banned, and none of them are taken', async () => {
    const { taker, hostile } = await beset((stream, { id, index }) => {
      reply(stream, { type: 'chunk', id }, sampleBytes(sample.chunks[index]?.length ?? 0, 99))
    })
    const { bytes, from } = await fetchBlob(taker.mesh, sample)
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect(from.has(hostile.node.peerId.toString())).toBe(false)
    expect(countersOf(taker).rejectedChunks).toBeGreaterThan(0)
    const status = statusOf(taker, hostile)
    expect(status?.banned?.reason).toContain('wrong bytes')
    await until('it is cut off', () => statusOf(taker, hostile)?.connected === false)
    await hostile.node.dial(multiaddr(taker.address), { signal: soon() }).catch(() => {}) // refused sooner or later
    await until('it is kept out', () => hostile.node.getConnections().every(({ status }) => status !== 'open'))
  })

  it('that cuts chunks short is banned', async () => {
    const { taker, hostile } = await beset((stream, { id, index }) => {
      reply(stream, { type: 'chunk', id }, sample.bytes.subarray(0, (sample.chunks[index]?.length ?? 1) - 1))
    })
    const { bytes } = await fetchBlob(taker.mesh, sample)
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect(statusOf(taker, hostile)?.banned).toBeDefined()
  })

  it('that breaks off within a frame is left for the other', async () => {
    const { taker } = await beset((stream) => {
      stream.send(Uint8Array.of(0xff, 0xff, 0x3f, 1, 2, 3)) // the length of a whole chunk, and three bytes of it
      void stream.close()
    })
    const { bytes } = await fetchBlob(taker.mesh, sample)
    expect(bytes.equals(sample.bytes)).toBe(true)
  })

  it('that is silent is left for the other', async () => {
    const { taker, honest } = await beset(() => {})
    const { bytes, from } = await fetchBlob(taker.mesh, sample)
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect([...from.keys()]).toEqual([honest.mesh.peerId])
  })

  it('that does not have what it said is left for the other', async () => {
    const { taker, hostile } = await beset((stream, { id }) =>
      reply(stream, { type: 'refusal', id, reason: 'not-found' }),
    )
    const { bytes } = await fetchBlob(taker.mesh, sample)
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect(statusOf(taker, hostile)?.banned).toBeUndefined()
  })

  it('that is busy is asked again after a while, and held in no contempt', async () => {
    const [taker, busy] = [await lab.node(), await createRaw(lab)]
    let asked = 0
    await busy.serve((request, stream) => {
      if (request.type === 'open')
        reply(stream, { type: 'have', id: request.id, length: sample.chunks.length, at: 0, complete: true })
      if (request.type !== 'chunk') return
      asked += 1
      if (asked < 3) reply(stream, { type: 'refusal', id: request.id, reason: 'busy', retryAfter: 0.1 })
      else reply(stream, { type: 'chunk', id: request.id }, chunkAt(request.index))
    })
    await taker.mesh.dial(busy.address, soon())
    expect((await fetchBlob(taker.mesh, sample)).bytes.equals(sample.bytes)).toBe(true)
    expect(statusOf(taker, busy)).toMatchObject({ connected: true })
    expect(statusOf(taker, busy)?.banned).toBeUndefined()
  })

  it('that answers twice does no harm', async () => {
    const { taker } = await beset((stream, { id, index }) => {
      const chunk = chunkAt(index)
      reply(stream, { type: 'chunk', id }, chunk)
      reply(stream, { type: 'chunk', id }, chunk)
    })
    const { bytes } = await fetchBlob(taker.mesh, sample)
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect(countersOf(taker).rejectedChunks).toBe(0)
  })

  it('that answers what was never asked loses its link, and is banned in the end', async () => {
    const [taker, hostile] = [await lab.node(), await createRaw(lab)]
    await hostile.serve((request, stream) => {
      if (request.type === 'heads') reply(stream, { type: 'block', id: 4_000_000_000 })
    })
    await taker.mesh.dial(hostile.address, soon())
    await until('it is banned', () => statusOf(taker, hostile)?.banned !== undefined)
  })

  it('that claims bitmaps without end is stopped', async () => {
    const [taker, hostile] = [await lab.node(), await createRaw(lab)]
    await hostile.serve((request, stream) => {
      if (request.type === 'open')
        reply(stream, { type: 'have', id: request.id, length: 20_000_000, at: 0, complete: true })
    })
    await taker.mesh.dial(hostile.address, soon())
    await until('linked', () => statusOf(taker, hostile)?.connected === true)
    const [want] = wantsOf(sample)
    if (want === undefined) throw new Error('a chunk is needed')
    const stop = new AbortController()
    const fetches = Array.from({ length: 10 }, (_, number) => {
      const set = encodeBlock({ v: 1, number }).cid
      return taker.mesh.fetch({ ...want, set }, { priority: 'reader', signal: stop.signal }).catch(() => {})
    })
    await until('the link is cut', () => statusOf(taker, hostile)?.connected === false)
    stop.abort()
    await Promise.all(fetches)
  })
})

describe('a hostile asker', () => {
  it.each([
    ['garbage', Uint8Array.from({ length: 2000 }, (_, index) => (index * 7) & 0x7f)],
    ['a frame that is too long', Uint8Array.of(0xff, 0xff, 0xff, 0x7f)],
    ['a length that never ends', new Uint8Array(4096).fill(0xff)],
    ['a header that is no CBOR', Uint8Array.of(4, 0, 2, 0xff, 0xff)],
  ])('that sends %s is reset, and others are served on', async (_name, bytes) => {
    const [server, hostile, taker] = [await lab.node(), await createRaw(lab), await lab.node()]
    await seedBlob(server, sample)
    const stream = await hostile.open(server.address)
    const { ended } = collectFrames(stream)
    stream.send(bytes)
    await ended
    await until('reset', () => stream.status === 'reset' || stream.status === 'aborted' || stream.status === 'closed')
    await connect(taker, server)
    expect((await fetchBlob(taker.mesh, sample)).bytes.equals(sample.bytes)).toBe(true)
  })

  it('that breaks the protocol three times is banned', async () => {
    const [server, hostile] = [await lab.node(), await createRaw(lab)]
    for (let times = 0; times < 3; times += 1) {
      const stream = await hostile.open(server.address)
      const { ended } = collectFrames(stream)
      reply(stream, { type: 'no such message' })
      await ended
    }
    await until('banned', () => statusOf(server, hostile)?.banned !== undefined)
  })

  it('that floods with requests and reads nothing does not keep others from their chunks', async () => {
    const [server, hostile, taker] = [await lab.node(), await createRaw(lab), await lab.node()]
    await seedBlob(server, sample)
    const memory = process.memoryUsage().rss
    const stream = await hostile.open(server.address)
    stream.pause()
    for (let id = 0; id < 5_000; id += 1) {
      if (stream.status !== 'open') break
      reply(stream, { type: 'chunk', id, set: link(sample.list), index: id % sample.chunks.length })
    }
    await connect(taker, server)
    expect((await fetchBlob(taker.mesh, sample)).bytes.equals(sample.bytes)).toBe(true)
    expect(process.memoryUsage().rss - memory).toBeLessThan(200 * MIB)
  })

  it('that opens many streams gets ten, over however many connections', async () => {
    const [server, hostile] = [await lab.node(), await createRaw(lab)]
    const streams: Stream[] = []
    for (let count = 0; count < 24; count += 1) {
      if (count % 8 === 0) await hostile.node.dial(multiaddr(server.address), { force: true, signal: soon() })
      const connection = hostile.node.getConnections().at(-1)
      const stream = await connection?.newStream(EXCHANGE, { maxOutboundStreams: 64 }).catch(() => undefined)
      if (stream !== undefined) streams.push(stream)
    }
    expect(hostile.node.getConnections()).toHaveLength(3)
    expect(streams.length).toBeGreaterThan(10)
    await until('the others are reset', () => streams.filter(({ status }) => status === 'open').length <= 10)
  })

  it('that opens many connections gets eight, and is not held to be gone for it', async () => {
    const [server, hostile] = [await lab.node(), await createRaw(lab)]
    const open = () => hostile.node.getConnections().filter(({ status }) => status === 'open').length
    for (let count = 0; count < 12; count += 1) {
      await hostile.node.dial(multiaddr(server.address), { force: true, signal: soon() }).catch(() => undefined)
    }
    await until('the others are closed', () => open() <= 8)
    expect(open()).toBe(8)
    const stream = await hostile.open(server.address)
    expect(stream.status).toBe('open')
  })

  it('that never says hello is dropped', async () => {
    const [server, hostile] = [await lab.node(), await createRaw(lab)]
    const stream = await hostile.open(server.address, { greet: false })
    await collectFrames(stream).ended
    expect(stream.status).not.toBe('open')
  })
})

describe('a stranger', () => {
  it('with another network key gets no connection', async () => {
    const [server, stranger] = [await lab.node(), await lab.node({ networkKeys: [networkKey('theirs')] })]
    await expect(stranger.mesh.dial(server.address, soon())).rejects.toMatchObject({ code: 'unreachable' })
    expect(server.mesh.peers()).toEqual([])
  })

  it('becomes a member once both have a key in common', async () => {
    const [old, next] = [networkKey('old'), networkKey('next')]
    const [a, b] = [await lab.node({ networkKeys: [old, next] }), await lab.node({ networkKeys: [next] })]
    await connect(b, a)
    await connect(a, b)
  })
})

describe('a giver whose disk fails', () => {
  it('says so chunk by chunk, and goes on serving', async () => {
    const broken = (shelf: ChunkShelf): ChunkShelf => ({
      ...shelf,
      read: async (set: Cid, index: number, buffer: Uint8Array) => {
        if (index % 2 === 0) throw new Error('the disk failed')
        return shelf.read(set, index, buffer)
      },
    })
    const giver = await lab.node({ change: ({ shelf }) => ({ shelf: broken(shelf) }) })
    const [other, taker] = [await lab.node(), await lab.node()]
    await Promise.all([seedBlob(giver, sample), seedBlob(other, sample)])
    await Promise.all([connect(taker, giver), connect(taker, other)])
    expect((await fetchBlob(taker.mesh, sample)).bytes.equals(sample.bytes)).toBe(true)
    expect(isConnected(taker, giver)).toBe(true)
  })
})
