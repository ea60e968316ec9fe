import type { Socket } from 'node:net'
import { KIB, MIB } from '@hubmesh/content'
import { tcp } from '@libp2p/tcp'

/** What one read of a busy socket may bring. */
const READ_BYTES = 256 * KIB
/** Smaller reads are copied: they would pin a whole buffer. */
const SMALL_BYTES = 16 * KIB
/** Bytes after which a connection is busy: handshakes and idle connections do with a small buffer. */
const BULK_BYTES = 4 * MIB
const FIRST_BYTES = 64 * KIB
/**
 * A noise message of 65 537 bytes lies in 5 reads of `SMALL_BYTES` or more at worst, and in any number of smaller ones: a buffer
 * whose bytes were copied is used again at once, so that no other comes round before it is used.
 */
const RING_BUFFERS = 8

/**
 * TCP whose outgoing sockets read into buffers used over and over. Node offers that only for sockets that are dialled.
 * Goes with `fastNoiseCrypto` alone: stock crypto hands out views of the socket's buffers.
 */
export const fastTcp = (): ReturnType<typeof tcp> => {
  const options = {}
  // A getter, so that each dial gets buffers of its own.
  Object.defineProperty(options, 'onread', { enumerable: true, get: createReader })
  return tcp({ dialOpts: options })
}

const createReader = (): {
  buffer: () => Buffer
  callback: (this: Socket, length: number, read: Buffer) => boolean
} => {
  const first = Buffer.allocUnsafeSlow(FIRST_BYTES)
  const ring: Buffer[] = []
  let turn = 0
  let total = 0
  /** What was last read was handed on without a copy. */
  let isLent = false

  const buffer = (): Buffer => {
    if (total < BULK_BYTES) return first
    if (isLent) turn = (turn + 1) % RING_BUFFERS
    isLent = false
    const next = ring[turn] ?? Buffer.allocUnsafeSlow(READ_BYTES)
    ring[turn] = next
    return next
  }
  function callback(this: Socket, length: number, read: Buffer): boolean {
    total += length
    const bytes = read.subarray(0, length)
    isLent = read !== first && length >= SMALL_BYTES
    this.emit('data', isLent ? bytes : Buffer.from(bytes))
    return true // false would pause the socket
  }
  return { buffer, callback }
}
