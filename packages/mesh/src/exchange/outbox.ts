import type { Stream } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { MAX_CHUNK_BYTES } from '@hubmesh/content'
import { BUFFERS_PER_UPLOAD, MAX_UPLOADS, WRITE_LOW } from '../limits.ts'
import { sendFrame, sentUntil } from './frames.ts'

/** The sending half of a served stream. */
export interface Outbox {
  /** Queues a small frame. */
  send(body: Uint8ArrayList): void
  /** Bytes that the other side has not taken yet. */
  queued(): number
  /** Waits until what is queued is little. @throws MeshError `unreachable` */
  settled(): Promise<void>
  /** A buffer of 1 MiB to read a chunk into, once one is free. Its content must be sent, or the buffer given back. */
  buffer(): Promise<Uint8Array>
  /** Queues a frame whose payload lies in the buffer, which is free again only when the whole frame has left. */
  sendFrom(buffer: Uint8Array, body: Uint8ArrayList): void
  giveBack(buffer: Uint8Array): void
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
  let handed = 0
  let owned = 0

  const send = (body: Uint8ArrayList): void => {
    handed += sendFrame(stream, body)
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
    queued: () => stream.writeBufferLength,
    settled: () => sentUntil(stream, () => stream.writeBufferLength <= WRITE_LOW),
    buffer,
    sendFrom: (buffer, body) => {
      send(body)
      sending.push({ buffer, end: handed })
    },
    giveBack: (buffer) => void free.push(buffer),
    rest: () => {
      reclaim()
      owned -= free.length
      for (const buffer of free.splice(0)) pool.put(buffer)
    },
  }
}
