import { KIB, MIB } from '@hubmesh/content'

/** Buffers for reading warm files: bounded for the whole gateway, and never waited for. */
export interface BufferPool {
  /** Counts a reader in: the more there are, the smaller their buffers. Returns the way out. */
  join(): () => void
  /** Largest buffer that a reader may ask for now; a power of two. */
  largest(): number
  /** A buffer of that size, or a smallest one where the pool is at its bound: nobody stands still for lack of one. */
  take(size: number): Buffer
  /** One more, for reading ahead: undefined where the pool is at its bound. */
  takeSpare(size: number): Buffer | undefined
  give(buffer: Buffer): void
  /** The buffer may still be in use somewhere below: forget it. */
  drop(buffer: Buffer): void
  /** Bytes in use, and bytes kept for the next who asks. */
  usage(): { readonly used: number; readonly kept: number }
}

export const SMALLEST_BUFFER = 16 * KIB
/** On top come the smallest buffers, one a connection at most: 32 MiB with all connections that the server takes. */
const POOL_BYTES = 32 * MIB
/** What is kept when nobody reads. */
const KEPT_BYTES = 8 * MIB

/** Readers up to which two buffers of this size for each fit in the pool. */
const TIERS = [
  { readers: 4, size: 2 * MIB }, // a quarter faster than 1 MiB, for a quarter less CPU; 4 MiB is slower than either
  { readers: 16, size: MIB },
  { readers: 64, size: 128 * KIB }, // twice as much is little faster, and costs the node 25 MiB more at 64 of them
  { readers: 256, size: 64 * KIB },
] as const

export const createBufferPool = (bound = POOL_BYTES): BufferPool => {
  const free = new Map<number, Buffer[]>()
  let readers = 0
  let used = 0
  let kept = 0

  const forgetKept = (): void => {
    free.clear()
    kept = 0
  }
  const keep = (buffer: Buffer): void => {
    const list = free.get(buffer.length)
    if (list === undefined) free.set(buffer.length, [buffer])
    else list.push(buffer)
  }
  /** When readers come their buffers get smaller: pieces of the large ones do, which would only lie there. */
  const cutFrom = (size: number): Buffer | undefined => {
    const larger = [...free].filter(([length, list]) => length > size && list.length > 0).map(([length]) => length)
    const whole = free.get(Math.min(...larger))?.pop()
    if (whole === undefined) return undefined
    for (let at = size; at < whole.length; at += size) keep(whole.subarray(at, at + size))
    return whole.subarray(0, size)
  }
  const grant = (size: number): Buffer => {
    used += size
    const held = free.get(size)?.pop() ?? cutFrom(size)
    if (held !== undefined) {
      kept -= size
      return held
    }
    if (used + kept > bound) forgetKept()
    return Buffer.allocUnsafeSlow(size)
  }
  return {
    join: () => {
      readers += 1
      return () => {
        readers -= 1
        if (readers === 0 && kept > KEPT_BYTES) forgetKept()
      }
    },
    largest: () => TIERS.find((tier) => readers <= tier.readers)?.size ?? SMALLEST_BUFFER,
    take: (size) => grant(used + size <= bound ? size : SMALLEST_BUFFER),
    takeSpare: (size) => (used + size <= bound ? grant(size) : undefined),
    give: (buffer) => {
      used -= buffer.length
      if (used + kept + buffer.length > bound) return // one of those that nobody was to wait for
      kept += buffer.length
      keep(buffer)
    },
    drop: (buffer) => {
      used -= buffer.length
    },
    usage: () => ({ used, kept }),
  }
}
