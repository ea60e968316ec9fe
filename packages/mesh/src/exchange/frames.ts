import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { MeshError, own } from '@hubmesh/content'
import { nextTurn } from '../node/wait.ts'
import { FRAMES_PER_TURN, MAX_FRAME_BYTES, OWNED_BYTES, READ_HIGH, SEND_STALL } from '../limits.ts'

export type Bytes = Uint8Array | Uint8ArrayList

export interface FrameReader {
  /** Whole frames, without their length. Ends when the other side has closed; throws when it has reset. */
  readonly frames: AsyncGenerator<Uint8ArrayList>
  /** Bytes taken in and not yet read. */
  readonly unread: () => number
}

export interface FrameReaderOptions {
  /** Bytes that are taken in before the sender is held back. @default 1 MiB */
  readonly high?: number
  /** Longest frame. @default 1 MiB and a header */
  readonly longest?: number
}

/**
 * Reads frames with back-pressure: `for await` over a stream has none. Call it before a handler's first await, or what came
 * early is lost.
 */
export const readFrames = (
  stream: Stream,
  { high = READ_HIGH, longest = MAX_FRAME_BYTES }: FrameReaderOptions = {},
): FrameReader => {
  const { bytes, held } = readBytes(stream, high)
  const received = new Uint8ArrayList()
  const frames = async function* (): AsyncGenerator<Uint8ArrayList> {
    let taken = 0
    for await (const data of bytes) {
      received.append(data)
      for (let frame = takeFrame(received, longest); frame !== undefined; frame = takeFrame(received, longest)) {
        yield frame
        if (++taken % FRAMES_PER_TURN === 0) await nextTurn()
      }
    }
    if (received.byteLength > 0) throw new MeshError('unreachable', 'the stream ended within a frame')
  }
  return { frames: frames(), unread: () => held() + received.byteLength + stream.readBufferLength }
}

/** Sends one frame without joining its parts; they must not change before they have left `stream.writeBufferLength`. */
export const sendFrame = (stream: Stream, body: Uint8ArrayList): number => {
  const frame = encodeFrame(body)
  stream.send(frame)
  return frame.byteLength
}

export const encodeFrame = (body: Uint8ArrayList): Uint8ArrayList =>
  new Uint8ArrayList(encodeLength(body.byteLength), body)

/**
 * Waits until `done` says so; it is asked again whenever the stream has sent something. `stream.onDrain` would do this
 * only once in a stream's life.
 * @throws MeshError `unreachable` when the stream ends, or nothing is taken for 30 s
 */
export const sentUntil = async (stream: Stream, done: () => boolean): Promise<void> => {
  let queued = stream.writeBufferLength
  let movedAt = performance.now()
  while (!done()) {
    if (stream.status !== 'open') throw brokenOff(stream.status)
    const left = movedAt + SEND_STALL - performance.now()
    if (left <= 0) throw new MeshError('unreachable', 'the other side takes nothing')
    await nextEvent(stream, left)
    // Other streams of the connection cause drain events too: only fewer bytes are progress.
    if (stream.writeBufferLength < queued) movedAt = performance.now()
    queued = stream.writeBufferLength
  }
}

/** Unsigned LEB128: 21 bits hold what a frame may be. */
const MAX_LENGTH_BYTES = 3

const encodeLength = (length: number): Uint8Array => {
  const bytes: number[] = []
  let rest = length
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Uint8Array.of(...bytes, rest)
}

/** Of a frame of yamux ([spec](https://github.com/hashicorp/yamux/blob/master/spec.md)): before its data, without a gap. */
const MUXER_HEADER_BYTES = 12

/**
 * Whoever reads a frame may free the buffers in which nothing else lies. Decrypted bytes have a buffer of their own, and the
 * muxer cuts it up: what ends with its buffer, and begins no later than the data of a muxer's frame can, is alone in it.
 */
const ownParts = (frame: Uint8ArrayList, prefix: number): void => {
  let before = prefix
  for (const part of frame) {
    const isAlone =
      part.byteOffset - before <= MUXER_HEADER_BYTES && part.byteOffset + part.byteLength === part.buffer.byteLength
    if (isAlone) own(part)
    before = 0
  }
}

/** Takes the first frame off what was received, once it is whole. @throws MeshError `bad-bytes` when it is too long */
const takeFrame = (received: Uint8ArrayList, longest: number): Uint8ArrayList | undefined => {
  let length = 0
  for (let at = 0; at < MAX_LENGTH_BYTES; at += 1) {
    if (at >= received.byteLength) return undefined
    const byte = received.get(at)
    length |= (byte & 0x7f) << (7 * at)
    if (byte > 0x7f) continue
    if (length > longest) break
    const end = at + 1 + length
    if (received.byteLength < end) return undefined
    const frame = received.sublist(at + 1, end)
    if (length >= OWNED_BYTES) ownParts(frame, at + 1)
    received.consume(end)
    return frame
  }
  throw new MeshError('bad-bytes', `a frame of more than ${longest} bytes`)
}

/** What comes, with back-pressure: beyond `high` bytes the sender is held back. Throws when the other side has reset. */
export const readBytes = (stream: Stream, high: number): { bytes: AsyncGenerator<Bytes>; held: () => number } => {
  const queue: Bytes[] = []
  let held = 0
  let resuming = false
  let wake = (): void => {}
  let failure: Error | undefined =
    stream.status === 'reset' || stream.status === 'aborted' ? brokenOff(stream.status) : undefined

  // Pausing inside a message that resume() caused would be undone by it: then it is done after.
  const pauseWhenFull = (): void => {
    if (held >= high && !resuming && stream.readStatus === 'readable') stream.pause()
  }
  const onMessage = ({ data }: { data: Bytes }): void => {
    queue.push(data)
    held += data.byteLength
    pauseWhenFull()
    wake()
  }
  const onEnd = (): void => wake()
  const onClose = ({ error }: { error?: Error | undefined }): void => {
    failure ??= error
    wake()
  }
  stream.addEventListener('message', onMessage)
  stream.addEventListener('end', onEnd)
  stream.addEventListener('close', onClose)

  const resume = (): void => {
    resuming = true // resume() hands over all it has, then opens the window
    try {
      stream.resume()
    } catch (error) {
      failure ??= error instanceof Error ? error : brokenOff('closing')
    } finally {
      resuming = false
    }
    pauseWhenFull()
  }
  const read = async function* (): AsyncGenerator<Bytes> {
    try {
      for (;;) {
        const data = queue.shift()
        if (data !== undefined) {
          held -= data.byteLength
          yield data // also what came before a reset
          continue
        }
        if (failure !== undefined) throw failure
        if (stream.readStatus === 'paused') {
          resume()
          continue
        }
        if (stream.readableEnded) return
        await new Promise<void>((resolve) => (wake = resolve))
      }
    } finally {
      stream.removeEventListener('message', onMessage)
      stream.removeEventListener('end', onEnd)
      stream.removeEventListener('close', onClose)
      if (!stream.readableEnded) stream.abort(brokenOff('left by its reader')) // nothing else stops a sender
    }
  }
  return { bytes: read(), held: () => held }
}

const brokenOff = (how: string): MeshError => new MeshError('unreachable', `the stream is ${how}`)

/** Resolves at the next drain or close, or when the time is over. */
const nextEvent = async (stream: Stream, timeout: number): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const onEvent = (): void => resolve()
  const timer = setTimeout(onEvent, timeout)
  stream.addEventListener('drain', onEvent)
  stream.addEventListener('close', onEvent)
  try {
    await promise
  } finally {
    clearTimeout(timer)
    stream.removeEventListener('drain', onEvent)
    stream.removeEventListener('close', onEvent)
  }
}
