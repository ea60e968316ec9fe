import type { Connection, Stream } from '@libp2p/interface'
import type { Log } from '@hubmesh/content'
import { asError } from '../as-error.ts'
import { HEARTBEAT, HEARTBEAT_TIMEOUT, MAX_MISSED_HEARTBEATS, RTT_INTERVAL } from '../limits.ts'
import type { MeshNode } from './create-node.ts'
import { unlessAborted } from './wait.ts'

/** Finds connections whose line went dead without a word: TCP alone takes a quarter of an hour for that. */
export interface Heartbeat {
  start(): void
  stop(): void
}

export interface HeartbeatOptions {
  /** A connection that nothing has come on for so long is pinged, in ms. @default 15 s */
  readonly interval?: number
  /** What an answer may take, in ms. @default 15 s */
  readonly timeout?: number
}

export interface HeartbeatComponents {
  readonly node: MeshNode
  readonly log: Log
  /** When the last bytes came from a peer (`performance.now()`), of whatever they were a part. */
  readonly heardAt: (peerId: string) => number
}

/** What libp2p's ping service answers everywhere. */
const PING = '/ipfs/ping/1.0.0'
const PING_BYTES = new Uint8Array(32)
/** Looks in an interval: pings are spread over it, not sent to all peers at once. */
const LOOKS = 16

/** Of one connection; times are those of `performance.now()`. */
interface Pulse {
  missed: number
  /** When it was pinged last, or came. */
  pingedAt: number
  /** When its round trip was asked for last. */
  measuredAt: number
}

/**
 * Pings each connection that is quiet, and notes its round trip. The other side's ping is a sign of life too: so of the two
 * one pings, whoever is first. libp2p's own monitor ends a connection at the first ping that is late, which a peer that is
 * merely busy may well be: here it takes four in a row.
 */
export const createHeartbeat = (
  { node, log, heardAt }: HeartbeatComponents,
  { interval = HEARTBEAT, timeout = HEARTBEAT_TIMEOUT }: HeartbeatOptions = {},
): Heartbeat => {
  const pulses = new WeakMap<Connection, Pulse>()
  const stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let lookedAt = 0

  const look = (): void => {
    const now = performance.now()
    const onTime = now - lookedAt < interval // else this process stood still, and others cannot be blamed
    lookedAt = now
    for (const connection of node.getConnections()) {
      const pulse = pulses.get(connection) ?? newPulse(connection, now)
      if (!onTime) pulse.missed = 0
      if (now - lastSign(connection, pulse) < interval && now - pulse.measuredAt < RTT_INTERVAL) continue
      pulse.pingedAt = pulse.measuredAt = now
      void check(connection, pulse)
    }
  }

  /** Connections that came at the same time are not pinged at the same time. */
  const newPulse = (connection: Connection, now: number): Pulse => {
    const pulse = { missed: 0, pingedAt: now, measuredAt: now - RTT_INTERVAL + Math.random() * interval }
    pulses.set(connection, pulse)
    return pulse
  }

  /** Of two connections to one peer nobody knows on which of them bytes came. */
  const lastSign = ({ remotePeer }: Connection, { pingedAt }: Pulse): number =>
    node.getConnections(remotePeer).length > 1 ? pingedAt : Math.max(pingedAt, heardAt(remotePeer.toString()))

  /** Never rejects. */
  const check = async (connection: Connection, pulse: Pulse): Promise<void> => {
    const late = AbortSignal.timeout(timeout)
    try {
      connection.rtt = await ping(connection, AbortSignal.any([late, stopping.signal]))
      pulse.missed = 0
    } catch (error) {
      const peerId = connection.remotePeer.toString()
      log.debug({ peerId, err: error }, 'no answer to a ping')
      pulse.measuredAt += interval - RTT_INTERVAL // tried again soon
      if (!late.aborted) return // refused, or closed: that is an answer too
      pulse.missed += 1
      if (pulse.missed < MAX_MISSED_HEARTBEATS || connection.status !== 'open') return
      log.info({ peerId, times: pulse.missed }, 'a connection is dead')
      connection.abort(new Error('no answer to pings'))
    }
  }

  return {
    start: () => {
      lookedAt = performance.now()
      timer = setInterval(look, interval / LOOKS)
    },
    stop: () => {
      clearInterval(timer)
      stopping.abort()
    },
  }
}

/** The round trip in ms. */
const ping = async (connection: Connection, signal: AbortSignal): Promise<number> => {
  const stream = await connection.newStream(PING, { signal, runOnLimitedConnection: true })
  try {
    const start = performance.now()
    await unlessAborted(echo(stream), signal)
    const roundTrip = performance.now() - start
    await stream.close({ signal })
    return roundTrip
  } catch (error) {
    stream.abort(asError(error))
    throw error
  }
}

const echo = (stream: Stream): Promise<void> =>
  new Promise((resolve, reject) => {
    let left = PING_BYTES.length
    stream.addEventListener('message', ({ data }) => {
      left -= data.byteLength
      if (left <= 0) resolve()
    })
    stream.addEventListener('close', () => reject(new Error('closed before the answer')))
    stream.send(PING_BYTES)
  })
