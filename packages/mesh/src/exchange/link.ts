import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { type Cid, MeshError, type Signature, isMeshError } from '@hubmesh/content'
import type { Uint8ArrayList } from 'uint8arraylist'
import { BULK_WINDOW, DIAL_TIMEOUT, MAX_STREAMS_PER_PEER } from '../limits.ts'
import { unlessAborted } from '../node/wait.ts'
import { widenWindow } from '../node/wide-window.ts'
import { type Asker, type AskerOptions, type SetListener, createAsker } from './asker.ts'
import { EXCHANGE, type Hello, type WirePriority } from './messages.ts'

/**
 * Asking one peer: questions and bitmaps on one stream, chunks on another, so that no question waits behind megabytes.
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
  chunk(chunk: { set: Cid; index: number; priority: WirePriority }, signal: AbortSignal): Promise<Uint8ArrayList>
  open(set: Cid, listener: SetListener): () => void
  /** A chunk will be asked for soon: opens its stream, so that it does not wait for that. */
  warm(): void
  close(): void
  /** Why it ended: `bad-bytes` when the peer broke the protocol. */
  readonly ended: Promise<MeshError>
}

/** @throws MeshError `unreachable`, or `bad-bytes` when the peer does not speak the protocol */
export const openLink = async (node: Libp2p, peer: PeerId, options: AskerOptions): Promise<PeerLink> => {
  const openAsker = async (): Promise<Asker> => createAsker(await openStream(node, peer), options)
  const openBulkAsker = async (): Promise<Asker> => {
    const stream = await openStream(node, peer)
    widenWindow(stream, BULK_WINDOW)
    return createAsker(stream, options)
  }
  const questions = await openAsker()
  let bulk: Promise<Asker> | undefined
  let bulkNow: Asker | undefined
  let closed = false
  questions.heads()

  const bulkAsker = async (): Promise<Asker> => {
    if (closed) throw new MeshError('unreachable', 'the peer is gone')
    bulk ??= openBulkAsker().then(
      (asker) => {
        bulkNow = asker
        void asker.ended.then(onBulkEnd)
        if (closed) asker.close()
        return asker
      },
      (error: unknown) => {
        bulk = undefined
        if (!isMeshError(error, 'bad-bytes')) throw error
        fail(error)
        throw new MeshError('unreachable', error.message, { cause: error }) // no chunk was wrong
      },
    )
    return bulk
  }
  const onBulkEnd = (error: MeshError): void => {
    bulk = undefined
    bulkNow = undefined
    if (error.code === 'bad-bytes') fail(error)
  }

  const { promise: ended, resolve: end } = Promise.withResolvers<MeshError>()
  const fail = (reason: MeshError): void => {
    closed = true
    questions.close()
    bulkNow?.close() // one that is still being opened closes itself
    end(reason)
  }
  void questions.ended.then(fail)

  return {
    peerId: peer.toString(),
    hello: questions.hello,
    relayed: node.getConnections(peer).every(({ limits }) => limits !== undefined),
    rttMs: () => node.getConnections(peer).find(({ rtt }) => rtt !== undefined)?.rtt ?? questions.rttMs,
    block: async (cid, signal) => (await questions.ask({ type: 'block', cid }, signal)).payload.slice(),
    signatures: async (manifest, signal) => {
      const { message } = await questions.ask({ type: 'signatures', manifest }, signal)
      return message.type === 'signatures' ? message.signatures : []
    },
    chunk: async (chunk, signal) => {
      const asker = bulkNow ?? (await unlessAborted(bulkAsker(), signal))
      return (await asker.ask({ type: 'chunk', ...chunk }, signal)).payload
    },
    open: questions.open,
    warm: () => void bulkAsker().catch(() => {}), // whoever asks for a chunk hears of it
    close: () => fail(new MeshError('unreachable', 'the link was closed')),
    ended,
  }
}

/**
 * On a connection that this side dialled, if there is one: it reads into buffers that are used over and over, which a
 * socket that was accepted cannot.
 */
const openStream = async (node: Libp2p, peer: PeerId): Promise<Stream> => {
  const connections = node.getConnections(peer).filter(({ status }) => status === 'open')
  const best = connections.toSorted((a, b) => rank(a) - rank(b))[0]
  if (best === undefined) throw new MeshError('unreachable', 'the peer is not connected')
  try {
    return await best.newStream(EXCHANGE, {
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
