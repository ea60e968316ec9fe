import type { Connection, Stream } from '@libp2p/interface'
import {
  type BlockStore,
  type CatalogStore,
  type ChunkShelf,
  type Cid,
  type Log,
  MeshError,
  isMeshError,
} from '@hubmesh/content'
import { asError } from '../as-error.ts'
import { HELLO_TIMEOUT, MAX_REQUEST_BYTES, MAX_STREAMS_PER_PEER, REQUEST_READ_HIGH } from '../limits.ts'
import { createArrivals } from './arrivals.ts'
import { readFrames } from './frames.ts'
import { type Hello, decodeMessage, requestSchema } from './messages.ts'
import { createBufferPool, createOutbox } from './outbox.ts'
import type { RateCaps } from './rate-caps.ts'
import { type Session, createSession } from './session.ts'
import type { UnreadBound } from './unread.ts'
import type { UploadSlots } from './upload-slots.ts'

export interface ExchangeServerComponents {
  readonly blocks: BlockStore
  readonly shelf: ChunkShelf
  readonly catalogs: CatalogStore
  readonly unread: UnreadBound
  readonly slots: UploadSlots
  readonly caps: RateCaps
  readonly log: Log
  readonly onUpload: (peerId: string, bytes: number) => void
  /** A peer wants chunks of a set. */
  readonly onOpen: (peerId: string, set: Cid) => void
  /** A peer broke the protocol; its stream is reset already. */
  readonly onBreach: (peerId: string, reason: string) => void
}

/** Answers what other nodes ask. */
export interface ExchangeServer {
  /** Serves a stream until it ends; call it in the handler's first tick. */
  readonly handle: (stream: Stream, connection: Connection) => void
  /** Tells everyone who has asked for heads. */
  pushHead(envelope: Uint8Array): void
  /** Takes no more streams, lets answers under way end within `grace` ms, then resets what is left. */
  stop(grace: number): Promise<void>
}

export const createExchangeServer = (components: ExchangeServerComponents, hello: Hello): ExchangeServer => {
  const { shelf, unread, slots, caps, log, onBreach } = components
  const arrivals = createArrivals(shelf)
  const pool = createBufferPool()
  const sessions = new Map<Stream, { peerId: string; session: Session }>()
  let stopped = false

  const handle = (stream: Stream, connection: Connection): void => {
    const peerId = connection.remotePeer.toString()
    const open = sessions.values().filter((one) => one.peerId === peerId)
    if (stopped || [...open].length >= MAX_STREAMS_PER_PEER) {
      stream.abort(new MeshError('busy', 'too many exchange streams'))
      return
    }
    const reader = readFrames(stream, { high: REQUEST_READ_HIGH, longest: MAX_REQUEST_BYTES })
    const session = createSession({
      ...components,
      arrivals,
      hello,
      peerId,
      outbox: createOutbox(stream, pool),
      onUpload: (bytes) => components.onUpload(peerId, bytes),
      onOpen: (set) => components.onOpen(peerId, set),
      onFailure: (error) => stream.abort(asError(error)),
    })
    sessions.set(stream, { peerId, session })
    const forget = unread.watch(stream, { peerId, unread: reader.unread })
    void serve(stream, { reader, session, peerId }).finally(() => {
      forget()
      session.close()
      sessions.delete(stream)
    })
  }

  const serve = async (
    stream: Stream,
    { reader, session, peerId }: { reader: ReturnType<typeof readFrames>; session: Session; peerId: string },
  ): Promise<void> => {
    const timer = setTimeout(() => {
      if (!session.greeted) stream.abort(new MeshError('unreachable', 'no hello in time'))
    }, HELLO_TIMEOUT)
    try {
      for await (const frame of reader.frames) await session.take(decodeMessage(requestSchema, frame).message)
      await session.idle()
      await stream.close({ signal: AbortSignal.timeout(HELLO_TIMEOUT) })
    } catch (error) {
      stream.abort(asError(error))
      if (isMeshError(error, 'bad-bytes')) onBreach(peerId, error.message)
      else log.debug({ peerId, err: error }, 'a served stream ended')
    } finally {
      clearTimeout(timer)
    }
  }

  const stop = async (grace: number): Promise<void> => {
    stopped = true
    const idle = Promise.all([...sessions.values()].map(({ session }) => session.idle()))
    const { promise: over, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, grace)
    await Promise.race([idle, over])
    clearTimeout(timer)
    slots.stop()
    caps.stop()
    arrivals.stop()
    for (const stream of sessions.keys()) stream.abort(new MeshError('unreachable', 'this node is stopping'))
  }

  return {
    handle,
    pushHead: (envelope) => {
      for (const { session } of sessions.values()) session.pushHead(envelope)
    },
    stop,
  }
}
