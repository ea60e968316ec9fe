import { setTimeout as sleep } from 'node:timers/promises'

/** The parts of the Hub that answer: `cache` is where `resolve` sends for regular files, `cdn` for LFS files. */
export type HubRoute = 'api' | 'resolve' | 'cache' | 'raw' | 'cdn'

export type FaultKind =
  /** An error instead of the answer. Seconds to wait are said by `Retry-After`, or by `RateLimit` as the Hub does. */
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: number; readonly rateLimit?: number }
  /** Waits before the answer. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Ends a body after so many bytes of it, by FIN. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** The same, by RST. */
  | { readonly kind: 'reset'; readonly afterBytes: number }
  /** All bodies that it slows share the rate. */
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number }
  /** Changes the byte at this place of the file, in every answer that holds it. */
  | { readonly kind: 'flip'; readonly at: number }
  /** Answers 200 and the whole file to a Range. */
  | { readonly kind: 'ignore-range' }
  /** The CDN calls a signed URL expired. */
  | { readonly kind: 'expire' }

export type Fault = FaultKind & {
  /** @default all */
  readonly on?: HubRoute
  /**
   * Matched with the file's path in the repo where a body is sent and at the CDN, else with the URL's decoded path, which
   * ends in it: so `/name$/` always works.
   */
  readonly path?: RegExp
  /** How often it happens. @default always */
  readonly times?: number
}

export interface Faults {
  /** @returns a function that takes the fault away again */
  add(fault: Fault): () => void
  clear(): void
}

type Named<K extends FaultKind['kind']> = Extract<FaultKind, { kind: K }>

export interface FaultBook extends Faults {
  /** The first fault of a kind that applies here; that counts as one time. */
  take<K extends FaultKind['kind']>(kind: K, route: HubRoute, path: string): Named<K> | undefined
  /** Waits until a throttled body may send so many bytes more. */
  pace(fault: Named<'throttle'>, bytes: number, signal: AbortSignal): Promise<void>
}

export const createFaults = (): FaultBook => {
  const active = new Map<Fault, { left: number; freeAt: number }>()

  return {
    add: (fault) => {
      const own = { ...fault }
      active.set(own, { left: fault.times ?? Infinity, freeAt: 0 })
      return () => active.delete(own)
    },
    clear: () => active.clear(),
    take: <K extends FaultKind['kind']>(kind: K, route: HubRoute, path: string) => {
      for (const [fault, state] of active) {
        const applies = (fault.on ?? route) === route && (fault.path?.test(path) ?? true)
        if (fault.kind !== kind || !applies || state.left <= 0) continue
        state.left -= 1
        return fault as Fault & Named<K>
      }
      return undefined
    },
    pace: async (fault, bytes, signal) => {
      const state = active.get(fault)
      if (state === undefined) return // taken away meanwhile: full speed
      const now = performance.now()
      const at = Math.max(now, state.freeAt)
      state.freeAt = at + (bytes / fault.bytesPerSecond) * 1000
      await sleep(state.freeAt - now, undefined, { signal })
    },
  }
}
