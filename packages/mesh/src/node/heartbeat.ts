import type { Connection, Stream } from '@libp2p/interface'
import type { Log } from '@hubmesh/content'
import { asError } from '../as-error.ts'
import { HEARTBEAT, HEARTBEAT_TIMEOUT, MAX_MISSED_HEARTBEATS } from '../limits.ts'
import type { MeshNode } from './create-node.ts'
import { unlessAborted } from './wait.ts'

/** Finds connections whose line went dead without a word: TCP alone takes a quarter of an hour for that. */
export interface Heartbeat {
  start(): void
  stop(): void
}

export interface HeartbeatOptions {
  /** Time between two pings of a connection, in ms. @default 15 s */
  readonly interval?: number
  /** What an answer may take, in ms. @default 15 s */
  readonly timeout?: number
}

/** What libp2p's ping service answers everywhere. */
const PING = '/ipfs/ping/1.0.0'
const PING_BYTES = new Uint8Array(32)

/**
 * Pings each connection, and notes its round trip. libp2p's own monitor ends a connection at the first ping that is late,
 * which a peer that is merely busy may well be: here it takes four in a row.
 */
export const createHeartbeat = (
  { node, log }: { node: MeshNode; log: Log },
  { interval = HEARTBEAT, timeout = HEARTBEAT_TIMEOUT }: HeartbeatOptions = {},
): Heartbeat => {
  const missed = new WeakMap<Connection, number>()
  const stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let beatAt = 0

  const beat = (): void => {
    const now = performance.now()
    const onTime = now - beatAt < 2 * interval // else this process stood still, and others cannot be blamed
    beatAt = now
    for (const connection of node.getConnections()) {
      if (!onTime) missed.delete(connection)
      void check(connection)
    }
  }

  /** Never rejects. */
  const check = async (connection: Connection): Promise<void> => {
    const late = AbortSignal.timeout(timeout)
    try {
      connection.rtt = await ping(connection, AbortSignal.any([late, stopping.signal]))
      missed.delete(connection)
    } catch (error) {
      const peerId = connection.remotePeer.toString()
      log.debug({ peerId, err: error }, 'no answer to a ping')
      if (!late.aborted) return // refused, or closed: that is an answer too
      const times = (missed.get(connection) ?? 0) + 1
      missed.set(connection, times)
      if (times < MAX_MISSED_HEARTBEATS || connection.status !== 'open') return
      log.info({ peerId, times }, 'a connection is dead')
      connection.abort(new Error('no answer to pings'))
    }
  }

  return {
    start: () => {
      beatAt = performance.now()
      timer = setInterval(beat, interval)
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
