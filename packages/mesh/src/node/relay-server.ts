import { type CircuitRelayService, circuitRelayServer } from '@libp2p/circuit-relay-v2'
import { type Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { createTokenBucket } from '@hubmesh/content'
import { asError } from '../as-error.ts'
import { type Bytes, readBytes, sentUntil } from '../exchange/frames.ts'
import {
  BULK_WINDOW,
  BURST,
  MAX_RELAYED,
  MAX_RELAYED_BYTES,
  MAX_RELAYED_TIME,
  PACED_BYTES,
  READ_HIGH,
  WRITE_LOW,
} from '../limits.ts'
import { nextTurn, wait } from './wait.ts'
import { boundWindow } from './wide-window.ts'

export interface RelayServerOptions {
  /** Bytes a second that are passed on now, of all connections together; undefined: as many as come. */
  readonly cap: () => number | undefined
  /** So many bytes are passed on. */
  readonly onRelayed: (bytes: number) => void
}

type Components = Parameters<ReturnType<typeof circuitRelayServer>>[0]

/** libp2p's own bounds (15 places, 128 KiB, 2 min) are for strangers: a relay of ours is for chunks. */
const BOUNDS = {
  maxInboundHopStreams: MAX_RELAYED,
  maxOutboundHopStreams: MAX_RELAYED,
  maxOutboundStopStreams: MAX_RELAYED,
  reservations: {
    maxReservations: MAX_RELAYED,
    // There have to be bounds: what has none is not known for relayed.
    defaultDataLimit: MAX_RELAYED_BYTES,
    defaultDurationLimit: MAX_RELAYED_TIME,
  },
}

/**
 * libp2p's relay, which copies between two streams as fast as bytes come, keeps in memory what the slower side has not taken,
 * and has no hook for either. So it is handed streams that tell it of bytes only when those may be passed on; until then they
 * are left unread, and the sender's window holds him back.
 */
export const relayServer =
  (options: RelayServerOptions) =>
  (components: Components): CircuitRelayService => {
    const server = circuitRelayServer(BOUNDS)(components)
    if (!isHopServer(server))
      throw new Error('this version of circuit-relay-v2 has another shape: relays would be uncapped')
    const passOn = createPassOn(options)
    const { handleConnect } = server
    server.handleConnect = async (hop, how) => {
      let onward: End | undefined
      // One call's own view of the server, so that its two streams are known for a pair.
      const call: HopServer = Object.create(server, {
        stopHop: {
          value: async (...args: Parameters<HopServer['stopHop']>) => {
            const stream = await server.stopHop(...args)
            onward = stream && createEnd(stream)
            return onward?.shown
          },
        },
      })
      const unwrap = (): Stream => {
        const back = createEnd(hop.stream.unwrap())
        if (onward !== undefined) {
          void passOn(back, onward)
          void passOn(onward, back)
        }
        return back.shown
      }
      await handleConnect.call(call, { ...hop, stream: { ...hop.stream, unwrap } }, how)
    }
    return server
  }

/** What the relay server of circuit-relay-v2 is made of, as far as it matters here. */
interface HopServer {
  /** Links who asks to whom he wants, and copies between the two streams, which it takes from `unwrap` and `stopHop`. */
  handleConnect: (hop: { readonly stream: { readonly unwrap: () => Stream } }, how: object) => Promise<void>
  readonly stopHop: (request: object, how: object) => Promise<Stream | undefined>
}

const isHopServer = (server: CircuitRelayService): server is CircuitRelayService & HopServer =>
  'handleConnect' in server &&
  typeof server.handleConnect === 'function' &&
  'stopHop' in server &&
  typeof server.stopHop === 'function'

/** One side of a relayed connection. */
interface End {
  readonly stream: Stream
  /** The same stream, but that its bytes and its end are told when `heard` tells them. */
  readonly shown: Stream
  readonly heard: EventTarget
}

const TOLD_LATER = new Set(['message', 'remoteCloseWrite', 'close'])

const createEnd = (stream: Stream): End => {
  boundWindow(stream, BULK_WINDOW)
  const heard = new EventTarget()
  const shown = new Proxy(stream, {
    get: (target, name) => {
      const of = (type: string): EventTarget => (TOLD_LATER.has(type) ? heard : target)
      if (name === 'addEventListener')
        return (...args: Parameters<EventTarget['addEventListener']>) => of(args[0]).addEventListener(...args)
      if (name === 'removeEventListener')
        return (...args: Parameters<EventTarget['removeEventListener']>) => of(args[0]).removeEventListener(...args)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { stream, shown, heard }
}

/** All that pass on stand in one line, each with one piece: so they have the cap in even parts. */
const createPassOn = ({ cap, onRelayed }: RelayServerOptions): ((from: End, to: End) => Promise<void>) => {
  const bucket = createTokenBucket(BURST)

  const pace = async (bytes: number, rate: number, signal: AbortSignal): Promise<void> => {
    const due = bucket.take(bytes, rate, performance.now())
    if (due > 0) await wait(due, signal)
    signal.throwIfAborted()
  }

  const copy = async (from: End, to: End, signal: AbortSignal): Promise<void> => {
    for await (const bytes of readBytes(from.stream, READ_HIGH).bytes) {
      for (let at = 0; at < bytes.byteLength;) {
        const rate = cap()
        const piece = sub(bytes, at, rate === undefined ? bytes.byteLength : at + PACED_BYTES)
        at += piece.byteLength
        if (rate !== undefined) await pace(piece.byteLength, rate, signal)
        await sentUntil(to.stream, () => to.stream.writeBufferLength <= WRITE_LOW && !to.stream.writableNeedsDrain)
        onRelayed(piece.byteLength)
        from.heard.dispatchEvent(new StreamMessageEvent(piece))
        await nextTurn() // it is sent meanwhile
      }
    }
  }

  /** Never rejects. */
  return async (from, to) => {
    const broken = new AbortController()
    from.stream.addEventListener('close', ({ error }) => {
      if (error !== undefined) broken.abort(error) // else what it has sent before is still passed on
    })
    to.stream.addEventListener('close', ({ error }) => broken.abort(error))
    try {
      await copy(from, to, broken.signal)
      from.heard.dispatchEvent(new Event('remoteCloseWrite'))
    } catch (error) {
      const reason = asError(error)
      for (const { stream, heard } of [from, to]) {
        stream.abort(reason)
        heard.dispatchEvent(new StreamCloseEvent(true, reason))
      }
    }
  }
}

const sub = (bytes: Bytes, start: number, end: number): Bytes => {
  const until = Math.min(end, bytes.byteLength)
  return bytes instanceof Uint8Array ? bytes.subarray(start, until) : bytes.sublist(start, until)
}
