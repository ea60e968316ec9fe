import { afterEach, describe, expect, it } from 'vitest'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { Uint8ArrayList } from 'uint8arraylist'
import { type ChunkWant, KIB, MIB, encodeBlock, link } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { type Asker, type AskerOptions, createAsker } from '../src/exchange/asker.ts'
import { readFrames } from '../src/exchange/frames.ts'
import { EXCHANGE, helloMessage } from '../src/exchange/messages.ts'
import { type LabNode, connect, countersOf, createLab, fetchBlob, seedBlob, soon, until } from './support/lab.ts'
import { type RawNode, collectFrames, createRaw, reply } from './support/raw.ts'

/** What another node can make this one spend, and what it must not be able to. */

const lab = createLab()
afterEach(() => lab.close())

const sample = sampleBlob(2 * MIB, 21)
const hello = { site: 'here', role: 'peer' as const, features: [] }
const askerOptions: AskerOptions = { hello, onHead: () => {}, onLate: () => {}, watch: () => () => {} }

const statusOf = ({ mesh }: LabNode, { node }: RawNode) =>
  mesh.peers().find(({ peerId }) => peerId === node.peerId.toString())

/** Makes a node want chunks of so many sets until the returned function is called. */
const wantSets = ({ mesh }: LabNode, count: number): (() => Promise<unknown>) => {
  const stop = new AbortController()
  const fetches = Array.from({ length: count }, (_, number) => {
    const set = encodeBlock({ v: 1, number }).cid
    const want: ChunkWant = { manifest: set, set, index: 0, sha256: sample.sha256, length: 1 }
    return mesh.fetch(want, { priority: 'reader', signal: stop.signal }).catch(() => {})
  })
  return () => {
    stop.abort()
    return Promise.all(fetches)
  }
}

describe('a giver', () => {
  it('that reads no requests loses its stream when they are cancelled, and nothing else happens', async () => {
    const [asking, stuck] = [await createRaw(lab), await createRaw(lab)]
    await stuck.node.handle(EXCHANGE, (stream) => {
      stream.send(new Uint8ArrayList(Uint8Array.of(helloMessage(hello).byteLength), helloMessage(hello)))
      stream.pause()
    })
    const stream = await asking.node.dialProtocol(multiaddr(stuck.address), EXCHANGE, { signal: soon() })
    const asker = await createAsker(stream, askerOptions)
    const asked = askUntilFull(asker, stream)
    asked.stop.abort(new Error('not wanted any more'))
    const outcomes = await Promise.allSettled(asked.answers)
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true)
    expect((await asker.ended).code).toBe('unreachable')
  })

  const huge = { type: 'have', length: 20_000_000, at: 0 }
  it.each([
    { what: 'the same bitmap again and again', sets: 1, answer: { ...huge, complete: true }, piece: 0, times: 40 },
    { what: 'first pieces of bitmaps', sets: 10, answer: { ...huge, complete: false }, piece: 512 * KIB, times: 1 },
  ])('that sends $what loses its link', async ({ sets, answer, piece, times }) => {
    const [taker, hostile] = [await lab.node(), await createRaw(lab)]
    await hostile.serve((request, stream) => {
      if (request.type !== 'open') return
      for (let sent = 0; sent < times; sent += 1) reply(stream, { ...answer, id: request.id }, new Uint8Array(piece))
    })
    await taker.mesh.dial(hostile.address, soon())
    await until('linked', () => statusOf(taker, hostile)?.connected === true)
    const stop = wantSets(taker, sets)
    await until('the link is cut', () => statusOf(taker, hostile)?.connected === false)
    await stop()
  })

  it('that tells heads without end loses its link', async () => {
    const [taker, hostile] = [await lab.node(), await createRaw(lab)]
    let heard = 0
    taker.mesh.onHead(() => (heard += 1))
    await hostile.serve((request, stream) => {
      if (request.type !== 'heads') return
      for (let sent = 0; sent < 3000; sent += 1) reply(stream, { type: 'head', envelope: Uint8Array.of(1) })
    })
    await taker.mesh.dial(hostile.address, soon())
    await until('some are heard', () => heard > 1000)
    await until('the link is cut', () => statusOf(taker, hostile)?.connected === false)
    expect(heard).toBeLessThan(1500)
  })

  it('that greets a stream for chunks with rubbish has broken the protocol, and sent no wrong chunk', async () => {
    const [taker, honest, hostile] = [await lab.node(), await lab.node({ site: 'far' }), await createRaw(lab)]
    await seedBlob(honest, sample)
    let streams = 0
    await hostile.node.handle(EXCHANGE, (stream) => {
      streams += 1
      if (streams % 2 === 0) stream.send(Uint8Array.of(4, 0, 2, 0xff, 0xff))
      else void serveAll(stream)
    })
    await taker.mesh.dial(hostile.address, soon())
    await until('linked', () => statusOf(taker, hostile)?.connected === true)
    await connect(taker, honest)
    expect((await fetchBlob(taker.mesh, sample)).bytes.equals(sample.bytes)).toBe(true)
    expect(countersOf(taker).rejectedChunks).toBe(0)
    expect(statusOf(taker, hostile)?.banned).toBeUndefined() // not at the first time
  })
})

describe('an asker', () => {
  it('that sends a request as long as a chunk is reset before its bytes are taken in', async () => {
    const [server, hostile] = [await lab.node(), await createRaw(lab)]
    const stream = await hostile.open(server.address)
    const { ended } = collectFrames(stream)
    stream.send(Uint8Array.of(0x80, 0x80, 0x40)) // a mebibyte is to come
    await ended
    expect(stream.status).not.toBe('open')
  })

  it('that takes no more does not keep a new head from the others', async () => {
    const [server, stuck, taker] = [await lab.node(), await createRaw(lab), await lab.node()]
    await seedBlob(server, sample)
    await connect(taker, server)
    const heard: Uint8Array[] = []
    taker.mesh.onHead((envelope) => heard.push(envelope))
    const stream = await stuck.open(server.address)
    reply(stream, { type: 'heads' })
    for (const id of [1, 2, 3]) reply(stream, { type: 'chunk', id, set: link(sample.list), index: id })
    stream.pause()
    await stream.close() // the server wants to close it too, and cannot: what it has sent is not read
    await until('it was served', () => (statusOf(server, stuck)?.bytesOut ?? 0) > 0)
    const root = encodeBlock({ v: 1 }).cid
    const date = new Date(Date.now() + 60_000).toISOString()
    const head = { v: 1 as const, publisher: 'p', audience: 'mesh', sequence: 1, issued: date, expires: date, root }
    await server.store.catalogs.commitHead({ head, envelope: Uint8Array.of(7), acceptedAt: date })
    await until('heard', () => heard.length > 0)
  })

  it('that opens more sets than it may has broken the protocol', async () => {
    const [server, hostile] = [await lab.node(), await createRaw(lab)]
    for (let times = 0; times < 3; times += 1) {
      const stream = await hostile.open(server.address)
      const { ended } = collectFrames(stream)
      for (let id = 0; id < 300; id += 1) reply(stream, { type: 'open', id, set: link(encodeBlock({ v: 1, id }).cid) })
      await ended
    }
    await until('banned', () => statusOf(server, hostile)?.banned !== undefined)
  })
})

describe('many', () => {
  it('wanted sets are no breach between honest nodes', async () => {
    const [giver, taker] = [await lab.node(), await lab.node()]
    await seedBlob(giver, sample)
    await connect(taker, giver)
    const stop = wantSets(taker, 400)
    expect((await fetchBlob(taker.mesh, sample)).bytes.equals(sample.bytes)).toBe(true)
    await stop()
    expect(giver.mesh.peers()[0]).toMatchObject({ connected: true })
  })

  it('small frames leave others their turn', async () => {
    const [sender, receiver] = [await createRaw(lab), await createRaw(lab)]
    const { promise: read, resolve, reject } = Promise.withResolvers<{ total: number; most: number }>()
    await receiver.node.handle(EXCHANGE, (stream) => void countFrames(stream).then(resolve, reject))
    const stream = await sender.node.dialProtocol(multiaddr(receiver.address), EXCHANGE, { signal: soon() })
    const frame = new Uint8ArrayList(Uint8Array.of(1, 7))
    stream.send(Buffer.concat(Array.from({ length: 4_000 }, () => frame.subarray())))
    await stream.close()
    const { total, most } = await read
    expect(total).toBe(4_000)
    expect(most).toBeLessThanOrEqual(64)
  })
})

/** Asks until the stream is full, so that not even a cancel has room. */
const askUntilFull = (asker: Asker, stream: Stream) => {
  const stop = new AbortController()
  const answers: Promise<unknown>[] = []
  const { cid } = encodeBlock({ v: 1 })
  while (stream.writeBufferLength <= MIB) answers.push(asker.ask({ type: 'block', cid }, stop.signal))
  for (const answer of answers) answer.catch(() => {}) // looked at later
  return { stop, answers }
}

/** A giver that says it has everything, and answers nothing else. */
const serveAll = async (stream: Stream): Promise<void> => {
  reply(stream, { type: 'hello', version: 1, ...hello })
  try {
    for await (const frame of readFrames(stream).frames) {
      const text = Buffer.from(frame.subarray()).toString('latin1')
      if (text.includes('open'))
        reply(stream, { type: 'have', id: 0, length: sample.chunks.length, at: 0, complete: true })
    }
  } catch {
    // the node under test has reset it
  }
}

/** The frames of a stream, and the most that came in one turn of the event loop. */
const countFrames = async (stream: Stream): Promise<{ total: number; most: number }> => {
  let [total, most, before] = [0, 0, 0]
  let over = false
  const look = (): void => {
    most = Math.max(most, total - before)
    before = total
    if (!over) setImmediate(look)
  }
  setImmediate(look)
  for await (const _frame of readFrames(stream).frames) total += 1
  over = true
  look()
  return { total, most }
}
