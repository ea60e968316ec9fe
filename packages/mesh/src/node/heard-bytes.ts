import type { Connection, MessageStream } from '@libp2p/interface'

/** Bytes that have come on each connection: a stream tells of a frame only when the whole of it is there. */
export interface HeardBytes {
  add(connection: Pick<MessageStream, 'timeline'>, count: number): void
  of(connection: Connection): number
}

/** A connection and the socket's own, which is all that the noise handshake sees, share one timeline. */
export const createHeardBytes = (): HeardBytes => {
  const counts = new WeakMap<object, { bytes: number }>()
  return {
    add: ({ timeline }, count) => {
      const known = counts.get(timeline)
      if (known === undefined) counts.set(timeline, { bytes: count })
      else known.bytes += count
    },
    of: ({ timeline }) => counts.get(timeline)?.bytes ?? 0,
  }
}
