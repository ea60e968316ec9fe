import { KIB, MIB } from '@hubmesh/content'

/** Buffers for reading warm files, bounded for the whole gateway however many read. */
export interface BufferPool {
  /** Counts a reader in: the more there are, the smaller their buffers. Returns the way out. */
  join(): () => void
  /** Largest buffer that a reader may take now; a power of two. */
  largest(): number
  /** Waits, first come first served, while the pool is at its bound. Whoever waits must hold no other buffer. */
  take(size: number): Promise<Buffer>
  /** A buffer if there is one now. */
  takeNow(size: number): Buffer | undefined
  give(buffer: Buffer): void
  /** The buffer may still be in use somewhere below: forget it. */
  drop(buffer: Buffer): void
  /** Bytes in use and kept, for tests and status. */
  usage(): { readonly used: number; readonly kept: number }
}

export const SMALLEST_BUFFER = 16 * KIB
export const LARGEST_BUFFER = MIB
const POOL_BYTES = 64 * MIB
/** What is kept when nobody reads. */
const KEPT_BYTES = 8 * MIB

/** Readers up to which the buffers are this large. Two each: 32 MiB, 32 MiB, 64 MiB at most. */
const TIERS = [
  { readers: 16, size: LARGEST_BUFFER },
  { readers: 64, size: 256 * KIB },
  { readers: 512, size: 64 * KIB },
] as const

export const createBufferPool = (bound = POOL_BYTES): BufferPool => {
  const free = new Map<number, Buffer[]>()
  const waiting: { size: number; resolve: (buffer: Buffer) => void }[] = []
  let readers = 0
  let used = 0
  let kept = 0

  const takeNow = (size: number): Buffer | undefined => {
    const buffer = free.get(size)?.pop()
    if (buffer !== undefined) {
      kept -= size
      used += size
      return buffer
    }
    if (used + size > bound) return undefined
    if (used + kept + size > bound) forgetKept()
    used += size
    return Buffer.allocUnsafeSlow(size)
  }
  const forgetKept = (): void => {
    free.clear()
    kept = 0
  }
  const serveWaiting = (): void => {
    for (;;) {
      const [first] = waiting
      const buffer = first === undefined ? undefined : takeNow(first.size)
      if (first === undefined || buffer === undefined) return
      waiting.shift()
      first.resolve(buffer)
    }
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
    take: async (size) => {
      const buffer = waiting.length === 0 ? takeNow(size) : undefined
      return buffer ?? new Promise<Buffer>((resolve) => waiting.push({ size, resolve }))
    },
    takeNow: (size) => (waiting.length === 0 ? takeNow(size) : undefined),
    give: (buffer) => {
      used -= buffer.length
      kept += buffer.length
      const list = free.get(buffer.length)
      if (list === undefined) free.set(buffer.length, [buffer])
      else list.push(buffer)
      serveWaiting()
    },
    drop: (buffer) => {
      used -= buffer.length
      serveWaiting()
    },
    usage: () => ({ used, kept }),
  }
}
