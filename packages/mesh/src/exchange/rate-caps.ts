import type { ChunkCaps } from '@hubmesh/content'
import { BURST, HEAD_START, SECOND } from '../limits.ts'
import { type Traffic, createChunkBuckets } from '../schedule/index.ts'
import { WIRE_PRIORITIES, type WirePriority } from './messages.ts'

/** What a chunk is sent for; more urgent by the time it is paced if another that waits behind it is. */
export interface Sending {
  priority(): WirePriority
  otherSite(): boolean
}

/** Resolves when so many bytes may be sent. */
export type Pace = (bytes: number) => Promise<void>

/** Chunks keep to these rates on their way out. */
export interface RateCaps {
  /** Undefined while nothing is capped. */
  paceFor(sending: Sending): Pace | undefined
  stop(): void
}

interface Waiting {
  readonly sending: Sending
  readonly bytes: number
  readonly since: number
  readonly resolve: () => void
}

/**
 * Who waits is served by urgency and by time waited, so that under one cap a reader's bytes come first, and nobody's never.
 * @param capsAt what holds at a time
 */
export const createRateCaps = (capsAt: (now: Date) => ChunkCaps): RateCaps => {
  const buckets = createChunkBuckets(BURST)
  const waiting = new Set<Waiting>()
  let timer: NodeJS.Timeout | undefined

  const paceFor: RateCaps['paceFor'] = (sending) => {
    if (Object.values(capsAt(new Date())).every((rate) => rate === undefined)) return undefined
    return async (bytes) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.add({ sending, bytes, since: performance.now(), resolve })
      pump()
      return promise
    }
  }

  const pump = (): void => {
    clearTimeout(timer)
    buckets.cap(capsAt(new Date()))
    const now = performance.now()
    let soonest = SECOND // caps may change with the hour
    for (const entry of [...waiting].toSorted((a, b) => turnOf(a) - turnOf(b))) {
      const traffic = trafficOf(entry)
      const wait = buckets.due(traffic, now)
      if (wait > 0) {
        soonest = Math.min(soonest, wait)
        continue
      }
      buckets.take(traffic, entry.bytes, now)
      waiting.delete(entry)
      entry.resolve()
    }
    if (waiting.size > 0) timer = setTimeout(pump, Math.ceil(soonest))
  }

  return {
    paceFor,
    stop: () => {
      clearTimeout(timer)
      for (const { resolve } of waiting) resolve() // their streams are about to end
      waiting.clear()
    },
  }
}

const trafficOf = ({ sending }: Waiting): Traffic => ({ priority: sending.priority(), otherSite: sending.otherSite() })

const turnOf = ({ sending, since }: Waiting): number => since + HEAD_START * WIRE_PRIORITIES.indexOf(sending.priority())
