/**
 * Members of a real network that break its rules, in the test's own process: some are whole meshes over a shelf that spoils what
 * it hands out, the others speak the exchange protocol by hand. They say that they stand where the victim does, so that it asks
 * them first.
 */
import type { Stream } from '@libp2p/interface'
import { Bitmap, type ChunkShelf, type Cid, chunkOfPage, decodeChunkList, decodeChunkPage } from '@hubmesh/content'
import { type Mesh, createLab, soon } from '../../packages/mesh/test/support/lab.ts'
import { type RawNode, createRaw, reply } from '../../packages/mesh/test/support/raw.ts'
import type { SwarmNode } from './local-swarm.ts'

/** Each of these makes a new node, brings it together with the victim, and returns its peer id. */
export interface HostilePeers {
  /** Flips a bit in each chunk. */
  lying(): Promise<string>
  /** Leaves the last byte of each chunk away. */
  truncating(): Promise<string>
  /** Ends its stream in the middle of a chunk, each time. */
  breakingOff(): Promise<string>
  /** Claims everything, and answers nothing. */
  silent(): Promise<string>
  /** Claims everything, and then says of each chunk that it has not got it. */
  boasting(): Promise<string>
  /** Sends bitmaps that do not fit. */
  miscounting(): Promise<string>
  /** Answers whatever it is asked with these bytes, unframed. */
  answering(bytes: Uint8Array): Promise<string>
  /** Asks with these bytes, unframed, on one stream after another. */
  asking(bytes: Uint8Array): Promise<string>
  close(): Promise<void>
}

/** Bytes that are no message. */
export const GARBAGE = Uint8Array.from({ length: 2000 }, (_, index) => (index * 7) & 0x7f)
/** The length of a frame, two bytes under 2 MiB. */
export const OVERSIZED = Uint8Array.of(0xfe, 0xff, 0x7f)

/** More chunks than any set of the tests has. */
const CLAIMED = 10_000
/** The length of a frame of 1 MiB, and the first bytes of it. */
const FIRST_OF_A_CHUNK = Uint8Array.of(0xff, 0xff, 0x3f, 1, 2, 3)
/** Breaches of the protocol that lead to a ban. */
const BREACHES = 3

export const createHostilePeers = (
  { victim, honest }: { victim: SwarmNode; honest: SwarmNode },
  { key, site }: { key: Uint8Array; site: string },
): HostilePeers => {
  const lab = createLab()

  /** A mesh that gets true chunks from the honest node, and spoils them. */
  const spoiling = async (spoil: (chunk: Uint8Array) => Uint8Array): Promise<string> => {
    const { promise: itself, resolve } = Promise.withResolvers<Mesh>()
    const { mesh } = await lab.node({
      networkKeys: [key],
      site,
      change: () => ({ shelf: createSpoilingShelf(itself, spoil) }),
    })
    resolve(mesh)
    await mesh.dial(addressOf(honest), soon())
    await mesh.dial(addressOf(victim), soon())
    return mesh.peerId
  }

  const speaking = async (answer: Parameters<RawNode['serve']>[0]): Promise<string> => {
    const raw = await createRaw(lab, { key, site })
    await raw.serve(answer)
    await raw.open(addressOf(victim))
    return raw.node.peerId.toString()
  }

  /** Claims all chunks of every set, and answers requests for them in its own way. */
  const claiming = (answer: (stream: Stream, id: number) => void): Promise<string> =>
    speaking((request, stream) => {
      if (request.type === 'open')
        reply(stream, { type: 'have', id: request.id, length: CLAIMED, at: 0, complete: true })
      else if (request.type === 'chunk') answer(stream, request.id)
      else if (request.type === 'block' || request.type === 'signatures') refuse(stream, request.id)
    })

  return {
    lying: () => spoiling((chunk) => chunk.with(chunk.length >> 1, (chunk[chunk.length >> 1] ?? 0) ^ 1)),
    truncating: () => spoiling((chunk) => chunk.subarray(0, -1)),
    breakingOff: () =>
      claiming((stream) => {
        sendBytes(stream, FIRST_OF_A_CHUNK)
        void stream.close()
      }),
    silent: () => claiming(() => {}),
    boasting: () => claiming(refuse),
    miscounting: () =>
      speaking((request, stream) => {
        if (request.type === 'open') reply(stream, { type: 'have', id: request.id, length: 8, at: 0, complete: false })
      }),
    answering: (bytes) => speaking((_request, stream) => sendBytes(stream, bytes)),
    asking: async (bytes) => {
      const raw = await createRaw(lab, { key, site })
      for (let times = 0; times < BREACHES; times += 1) sendBytes(await raw.open(addressOf(victim)), bytes)
      return raw.node.peerId.toString()
    },
    close: () => lab.close(),
  }
}

/** Says that it has all of everything. */
const createSpoilingShelf = (mesh: Promise<Mesh>, spoil: (chunk: Uint8Array) => Uint8Array): ChunkShelf => {
  const read = async (set: Cid, index: number): Promise<Uint8Array> => {
    const source = await mesh
    const block = async (cid: Cid): Promise<Uint8Array> => (await source.fetchBlock(cid, { signal: soon() })).bytes
    const list = decodeChunkList(await block(set))
    const [page] = list.pages // the tests' files have no more
    if (page === undefined) throw new Error(`${set} has no page`)
    const chunk = chunkOfPage(decodeChunkPage(list, 0, await block(page.cid)), index)
    const { bytes } = await source.fetch(
      { manifest: set, set, index, ...chunk },
      { priority: 'reader', signal: soon() },
    )
    return spoil(Buffer.concat(bytes.parts))
  }
  return {
    have: async () => Bitmap.full(CLAIMED),
    read: async (set, index, buffer) => {
      const spoiled = await read(set, index)
      buffer.set(spoiled)
      return buffer.subarray(0, spoiled.length)
    },
    onHave: () => () => {},
  }
}

const refuse = (stream: Stream, id: number): void => reply(stream, { type: 'refusal', id, reason: 'not-found' })

const sendBytes = (stream: Stream, bytes: Uint8Array): void => {
  if (stream.status === 'open') stream.send(bytes)
}

const addressOf = ({ name, addresses: [address] }: SwarmNode): string => {
  if (address === undefined) throw new Error(`${name} has no address`)
  return address
}
