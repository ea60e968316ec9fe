import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { type Cid, MeshError, type Signature } from '@hubmesh/content'
import type { Uint8ArrayList } from 'uint8arraylist'
import { BULK_WINDOW, DIAL_TIMEOUT, type FarRules, MAX_STREAMS_PER_PEER } from '../limits.ts'
import type { HeardBytes } from '../node/heard-bytes.ts'
import { widenWindow } from '../node/wide-window.ts'
import { type AskerOptions, type ChunkQuestion, type SetListener, createAsker } from './asker.ts'
import { type ChunkStream, createChunkStreams } from './chunk-streams.ts'
import { type FurtherConnections, closeConnection } from './further-connections.ts'
import { EXCHANGE, FURTHER_CONNECTIONS, type Hello } from './messages.ts'

/**
 * Asking one peer: questions and bitmaps on one stream, chunks on others, so that no question waits behind megabytes.
 */
export interface PeerLink {
  readonly peerId: string
  /** What it says of itself. */
  readonly hello: Hello
  rttMs(): number
  /** Its bytes go through somebody else's bandwidth. */
  readonly relayed: boolean
  /** Unproven bytes. @throws MeshError `not-ready`, `denied`, `busy`, `unreachable` */
  block(cid: Cid, signal: AbortSignal): Promise<Uint8Array>
  signatures(manifest: Cid, signal: AbortSignal): Promise<readonly Signature[]>
  /** Unproven bytes, for the caller to consume. @throws MeshError `not-ready`, `denied`, `busy`, `unreachable` */
  chunk(chunk: ChunkQuestion & { length: number }, signal: AbortSignal): Promise<Uint8ArrayList>
  open(set: Cid, listener: SetListener): () => void
  /** A chunk will be asked for soon: opens its stream, so that it does not wait for that. */
  warm(): void
  /** Streams that chunks come on. */
  chunkStreams(): number
  /** To be called every 200 ms while chunks are wanted. @param isShort more is wanted than the path takes now */
  look(isShort: boolean): void
  close(): void
  /** Why it ended: `bad-bytes` when the peer broke the protocol. */
  readonly ended: Promise<MeshError>
}

export interface LinkComponents {
  readonly node: Libp2p
  readonly further: FurtherConnections
  readonly heard: HeardBytes
}

export interface LinkOptions extends AskerOptions {
  readonly far: FarRules
}

/** @throws MeshError `unreachable`, or `bad-bytes` when the peer does not speak the protocol */
export const openLink = async (
  { node, further, heard }: LinkComponents,
  peer: PeerId,
  options: LinkOptions,
): Promise<PeerLink> => {
  const { far } = options
  const connections = (): Connection[] => node.getConnections(peer).filter(({ status }) => status === 'open')
  const { promise: ended, resolve: end } = Promise.withResolvers<MeshError>()
  const questions = await createAsker(await openStream(bestOf(connections())), options)
  questions.heads()

  let shortestRtt = questions.rttMs
  const rttMs = (): number => {
    const rtt = node.getConnections(peer).find(({ rtt }) => rtt !== undefined)?.rtt ?? questions.rttMs
    shortestRtt = Math.min(shortestRtt, rtt)
    return rtt
  }

  /** Where further connections can lead: only who has dialled knows that it can, and so only one of the two does it. */
  const dialled = (): Connection | undefined => connections().find((connection) => rank(connection) === 0)

  const isFar = (): boolean =>
    shortestRtt >= far.rttMs &&
    questions.hello.site !== options.hello.site &&
    questions.hello.features.includes(FURTHER_CONNECTIONS) &&
    dialled() !== undefined

  const openChunkStream = async (connection: Connection, onClose = (): void => {}): Promise<ChunkStream> => {
    const stream = await openStream(connection)
    widenWindow(stream, BULK_WINDOW)
    const asker = await createAsker(stream, options)
    return {
      ask: async (chunk, signal) => (await asker.ask({ type: 'chunk', ...chunk }, signal)).payload,
      heardBytes: () => heard.of(connection),
      close: () => {
        asker.close()
        onClose()
      },
      ended: asker.ended,
    }
  }

  const openFurther = async (signal: AbortSignal): Promise<ChunkStream> => {
    const base = dialled()
    if (base === undefined) throw new MeshError('unreachable', 'there is no address to dial')
    const connection = await further.open(base, signal)
    try {
      return await openChunkStream(connection, () => closeConnection(connection))
    } catch (error) {
      closeConnection(connection)
      throw error
    }
  }

  const fail = (reason: MeshError): void => {
    questions.close()
    chunks.close()
    end(reason)
  }
  const chunks = createChunkStreams(
    {
      openFirst: () => openChunkStream(bestOf(connections())),
      openFurther,
      isFar,
      rttMs: () => shortestRtt,
      onBreach: fail,
    },
    far,
  )
  void questions.ended.then(fail)

  return {
    peerId: peer.toString(),
    hello: questions.hello,
    relayed: node.getConnections(peer).every(({ limits }) => limits !== undefined),
    rttMs,
    block: async (cid, signal) => (await questions.ask({ type: 'block', cid }, signal)).payload.slice(),
    signatures: async (manifest, signal) => {
      const { message } = await questions.ask({ type: 'signatures', manifest }, signal)
      return message.type === 'signatures' ? message.signatures : []
    },
    chunk: ({ length, ...chunk }, signal) => chunks.ask(chunk, length, signal),
    open: questions.open,
    warm: () => chunks.warm(),
    chunkStreams: () => chunks.count(),
    look: (isShort) => chunks.look(isShort),
    close: () => fail(new MeshError('unreachable', 'the link was closed')),
    ended,
  }
}

/**
 * The one that this side dialled, if there is one: it reads into buffers that are used over and over, which a socket that
 * was accepted cannot. @throws MeshError `unreachable`
 */
const bestOf = (connections: readonly Connection[]): Connection => {
  const best = connections.toSorted((a, b) => rank(a) - rank(b))[0]
  if (best === undefined) throw new MeshError('unreachable', 'the peer is not connected')
  return best
}

/** @throws MeshError `unreachable` */
const openStream = async (connection: Connection): Promise<Stream> => {
  try {
    return await connection.newStream(EXCHANGE, {
      signal: AbortSignal.timeout(DIAL_TIMEOUT),
      maxOutboundStreams: MAX_STREAMS_PER_PEER,
      runOnLimitedConnection: true,
    })
  } catch (cause) {
    throw new MeshError('unreachable', 'no exchange stream', { cause })
  }
}

const rank = (connection: Connection): number =>
  (connection.limits === undefined ? 0 : 2) + (connection.direction === 'outbound' ? 0 : 1)
