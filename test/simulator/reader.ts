import type { Priority } from '@hubmesh/content'
import type { Clock } from './clock.ts'

/** Somebody who reads the file at a steady rate, as a client of the gateway does: `mirror/src/read.ts` in short. */
export interface SimulatedReader {
  /** How often it had to wait after its first chunk, and for how long in all (ms). */
  readonly stalls: { count: number; ms: number }
  start(): void
  /** The chunk is here. */
  arrived(index: number): void
}

interface Parts {
  readonly clock: Clock
  readonly chunks: number
  readonly chunkMs: number
  readonly has: (index: number) => boolean
  readonly want: (index: number, priority: Priority, dueMs: () => number) => void
  /** A reader waits for it now. */
  readonly raise: (index: number) => void
}

/** Chunks that it has asked for, its own included: at first, and at most. */
const FIRST_WINDOW = 2
const MAX_WINDOW = 32

export const createSimulatedReader = ({ clock, chunks, chunkMs, has, want, raise }: Parts): SimulatedReader => {
  const stalls = { count: 0, ms: 0 }
  /** The next chunk to be handed out, and what was asked for. */
  let next = 0
  let asked = 0
  let window = FIRST_WINDOW
  /** It has read all that was handed out, and since when. */
  let idleSince: number | undefined

  const handOut = (): void => {
    if (idleSince === undefined || next >= chunks || !has(next)) return
    const waited = clock.now() - idleSince
    if (waited > 0 && next > 0) {
      stalls.count += 1
      stalls.ms += waited
    }
    idleSince = undefined
    next += 1
    askAhead()
    clock.after(chunkMs, () => {
      idleSince = clock.now()
      handOut()
    })
  }

  /** The next is asked for as soon as one is handed out: when that was read, it is here, or it stalls. */
  const askAhead = (): void => {
    for (; asked < chunks && (asked === next || asked < next + window); asked += 1) {
      const index = asked
      if (!has(index)) want(index, index === next ? 'reader' : 'ahead', () => Math.max(0, index - next) * chunkMs)
    }
    if (next >= chunks || has(next)) return
    window = Math.min(window * 2, MAX_WINDOW)
    raise(next)
  }

  return {
    stalls,
    start: () => {
      idleSince = clock.now()
      askAhead()
    },
    arrived: (index) => {
      if (index === next) handOut()
    },
  }
}
