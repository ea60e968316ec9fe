import type { Stream } from '@libp2p/interface'

/** What a stream of js-yamux is made of, as far as it matters here. */
interface YamuxReceiver {
  /** Bytes of a full window. */
  recvWindow: number
  /** What is left of it. */
  recvWindowCapacity: number
  /** What a window may grow to. */
  maxStreamWindowSize: number
  state: number
  sendWindowUpdate(): void
}

const ESTABLISHED = 3

/**
 * Has a stream that takes in bulk begin with a wide window, and tell the sender only when half of it is used, as
 * [yamux](https://github.com/hashicorp/yamux/blob/master/spec.md) suggests. js-yamux tells of each frame that was read: a
 * message to encrypt and a system call on both sides, for each chunk. A stream of another muxer stays as it is.
 */
export const widenWindow = (stream: Stream, bytes: number): void => {
  if (!isYamux(stream)) return
  const update = stream.sendWindowUpdate.bind(stream)
  stream.recvWindow = Math.max(stream.recvWindow, bytes)
  stream.sendWindowUpdate = () => {
    const isHalfFull = stream.recvWindowCapacity > stream.recvWindow / 2
    if (stream.state !== ESTABLISHED || !isHalfFull) update()
  }
}

/**
 * Keeps a stream's window from growing further. js-yamux doubles it with each message that comes within four round trips of
 * the last, however small, up to the widest that any stream may have.
 */
export const boundWindow = (stream: Stream, bytes: number): void => {
  if (isYamux(stream)) stream.maxStreamWindowSize = Math.max(stream.recvWindow, bytes)
}

const isYamux = (stream: Stream): stream is Stream & YamuxReceiver =>
  'recvWindow' in stream &&
  typeof stream.recvWindow === 'number' &&
  'recvWindowCapacity' in stream &&
  typeof stream.recvWindowCapacity === 'number' &&
  'maxStreamWindowSize' in stream &&
  typeof stream.maxStreamWindowSize === 'number' &&
  'state' in stream &&
  'sendWindowUpdate' in stream &&
  typeof stream.sendWindowUpdate === 'function'
