import type { ServerResponse } from 'node:http'
import { type BlobHandle, type ByteRange, KIB, MIB, MeshError } from '@hubmesh/content'
import type { BodyStream } from '../answer.ts'
import { type BufferPool, SMALLEST_BUFFER } from './buffer-pool.ts'
import type { StreamOptions } from './file-stream.ts'
import { endShort, writeTaken } from './write.ts'

/** What the kernel takes of any answer at once, however slow its client is: it says nothing of the client's speed. */
const KERNEL_BYTES = 8 * MIB
const FIRST_BUFFER = 64 * KIB
/** A write taken within this long earns the reader a buffer twice as large: so it holds about 10 ms of its rate … */
const FAST_MS = 10
/** … and one that took longer than this, half of it, and no reading ahead. */
const SLOW_MS = 100

interface BlobStreamOptions extends StreamOptions {
  readonly blob: BlobHandle
  close(): Promise<void>
}

/**
 * A warm file: positioned reads into pooled buffers, the next read running while the last is written. No copy is made, and
 * measured three times as fast as Node's file streams.
 */
export const blobStream = (options: BlobStreamOptions): BodyStream => ({
  send: async (response) => {
    const leave = options.pool.join()
    try {
      if (await pump(response, options)) response.end()
      else endShort(response)
    } catch (error) {
      options.log.error({ err: error, path: options.blob.path }, 'a file could not be read to its end')
      endShort(response)
    } finally {
      leave()
      await options.close()
    }
  },
  discard: () => options.close(),
})

/** All bytes of a small range. @throws MeshError `io` when the file is shorter than that */
export const readWhole = async (blob: BlobHandle, { start, end }: ByteRange): Promise<Buffer> => {
  const bytes = Buffer.allocUnsafe(end - start)
  await fill(blob, start, bytes)
  return bytes
}

/** Bytes that were read, and the pooled buffer that they lie in. */
interface Loaded {
  readonly buffer: Buffer
  readonly bytes: Buffer
}

/** True when all was written, false when the client left. */
const pump = async (response: ServerResponse, { blob, range, pool, signal }: BlobStreamOptions): Promise<boolean> => {
  const pace = createPace(pool)
  let at = range.start
  const load = async (buffer: Buffer): Promise<Loaded> => {
    const bytes = buffer.subarray(0, Math.min(buffer.length, range.end - at))
    const offset = at
    at += bytes.length
    try {
      await fill(blob, offset, bytes)
    } catch (error) {
      pool.give(buffer)
      throw error
    }
    return { buffer, bytes }
  }

  let current: Loaded | undefined = await load(pool.take(pace.size()))
  while (current !== undefined) {
    const began = performance.now()
    const spare = at < range.end && pace.readsAhead() ? pool.takeSpare(pace.size()) : undefined
    const [taken, next]: [boolean, PromiseSettledResult<Loaded> | undefined] = await Promise.all([
      writeTaken(response, current.bytes, signal),
      spare && settled(load(spare)),
    ])
    if (taken) pool.give(current.buffer)
    else pool.drop(current.buffer)
    pace.saw(current.bytes.length, performance.now() - began)
    if (next?.status === 'rejected') throw next.reason
    if (!taken) {
      if (next !== undefined) pool.give(next.value.buffer)
      return false
    }
    current = next?.value ?? (at < range.end ? await load(pool.take(pace.size())) : undefined)
  }
  return true
}

interface Pace {
  /** Of the next buffer. */
  size(): number
  readsAhead(): boolean
  saw(bytes: number, ms: number): void
}

/**
 * Sizes a reader's buffers by how fast its client takes them: what slow clients hold up stays small. Who has read in a crowd
 * keeps to a crowd's buffers when the others have left: all would change theirs at once, and the old ones fill the memory
 * until they are collected.
 */
const createPace = (pool: BufferPool): Pace => {
  let size = FIRST_BUFFER
  let largest = Infinity
  let total = 0
  let slow = false
  return {
    size: () => {
      largest = Math.min(largest, pool.largest())
      return Math.min(size, largest)
    },
    readsAhead: () => !slow,
    saw: (bytes, ms) => {
      total += bytes
      slow = ms > SLOW_MS
      if (slow) size = Math.max(SMALLEST_BUFFER, size / 2)
      else if (ms < FAST_MS && total > KERNEL_BYTES) size = Math.min(largest, size * 2)
    },
  }
}

const settled = async <T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> => {
  const [result] = await Promise.allSettled([promise])
  return result
}

const fill = async (blob: BlobHandle, offset: number, buffer: Buffer): Promise<void> => {
  for (let filled = 0; filled < buffer.length;) {
    const count = await blob.readInto(offset + filled, filled === 0 ? buffer : buffer.subarray(filled))
    if (count === 0) throw new MeshError('io', `a blob ends before byte ${offset + buffer.length}`)
    filled += count
  }
}
