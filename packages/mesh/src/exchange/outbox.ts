import type { Stream } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { MAX_CHUNK_BYTES } from '@hubmesh/content'
import { BUFFERS_PER_UPLOAD, MAX_UPLOADS, PACED_BYTES, WRITE_LOW } from '../limits.ts'
import { encodeFrame, sendFrame, sentUntil } from './frames.ts'
import type { Pace } from './rate-caps.ts'

/** The sending half of a served stream. */
export interface Outbox {
  /** Queues a small frame. */
  readonly send: (body: Uint8ArrayList) => void
  /** Bytes that the other side has not taken yet. */
  readonly queued: () => number
  /** Bytes that it has taken. */
  readonly taken: () => number
  /** Waits until what is queued is little. @throws MeshError `unreachable` */
  settled(): Promise<void>
  /** A buffer of 1 MiB to read a chunk into, once one is free. Its content must be sent, or the buffer given back. */
  buffer(): Promise<Uint8Array>
  /**
   * Queues a frame whose payload lies in the buffer, which is free again only when the whole frame has left. With a pace it
   * goes in pieces; what is sent meanwhile follows it.
   */
  sendFrom(buffer: Uint8Array, body: Uint8ArrayList, pace?: Pace): Promise<void>
  giveBack(buffer: Uint8Array): void
  /** Waits until all buffers are free, or until `enough` says so. @throws MeshError `unreachable` */
  drained(enough?: () => boolean): Promise<void>
  /** Gives those buffers back to the pool that are free. */
  rest(): void
}

/** Buffers of streams that ended, for those that begin: a fresh one for each chunk costs more in collection than in use. */
export interface BufferPool {
  take(): Uint8Array
  put(buffer: Uint8Array): void
}

export const createBufferPool = (): BufferPool => {
  const free: Uint8Array[] = []
  return {
    take: () => free.pop() ?? new Uint8Array(Buffer.allocUnsafeSlow(MAX_CHUNK_BYTES).buffer),
    put: (buffer) => {
      if (free.length < MAX_UPLOADS) free.push(buffer)
    },
  }
}

export const createOutbox = (stream: Stream, pool: BufferPool): Outbox => {
  const free: Uint8Array[] = []
  const sending: { buffer: Uint8Array; end: number }[] = []
  /** Frames that wait for one that goes in pieces. */
  const held: Uint8ArrayList[] = []
  let handed = 0
  let owned = 0
  let pacing = false

  const send = (body: Uint8ArrayList): void => {
    if (pacing) held.push(body)
    else handed += sendFrame(stream, body)
  }

  const sendInPieces = async (body: Uint8ArrayList, pace: Pace): Promise<void> => {
    const frame = encodeFrame(body)
    pacing = true
    try {
      for (let at = 0; at < frame.byteLength; at += PACED_BYTES) {
        const piece = frame.sublist(at, Math.min(frame.byteLength, at + PACED_BYTES))
        await pace(piece.byteLength)
        await sentUntil(stream, () => stream.writeBufferLength <= WRITE_LOW)
        stream.send(piece)
        handed += piece.byteLength
      }
    } finally {
      pacing = false
    }
    for (const body of held.splice(0)) send(body)
  }

  const reclaim = (): void => {
    const left = handed - stream.writeBufferLength
    for (let first = sending[0]; first !== undefined && first.end <= left; first = sending[0]) {
      free.push(first.buffer)
      sending.shift()
    }
  }

  const buffer = async (): Promise<Uint8Array> => {
    reclaim()
    if (free.length === 0 && owned === BUFFERS_PER_UPLOAD) {
      await sentUntil(stream, () => {
        reclaim()
        return free.length > 0
      })
    }
    const found = free.pop()
    if (found !== undefined) return found
    owned += 1
    return pool.take()
  }

  return {
    send,
    queued: () => held.reduce((sum, { byteLength }) => sum + byteLength, stream.writeBufferLength),
    taken: () => handed - stream.writeBufferLength,
    settled: () => sentUntil(stream, () => stream.writeBufferLength <= WRITE_LOW),
    buffer,
    sendFrom: async (buffer, body, pace) => {
      if (pace === undefined) send(body)
      else await sendInPieces(body, pace)
      sending.push({ buffer, end: handed })
    },
    giveBack: (buffer) => void free.push(buffer),
    drained: (enough = () => false) =>
      sentUntil(stream, () => {
        reclaim()
        return sending.length === 0 || enough()
      }),
    rest: () => {
      reclaim()
      owned -= free.length
      for (const buffer of free.splice(0)) pool.put(buffer)
    },
  }
}
