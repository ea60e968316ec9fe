import { BURST, HEAD_START, SECOND } from '../limits.ts'
import { WIRE_PRIORITIES, type WirePriority } from './messages.ts'

/** Bytes a second that may be sent, of all chunks and of kinds of them; a chunk has to keep to all that it falls under. */
export interface UploadCaps {
  readonly total?: number | undefined
  /** What somebody waits for: who reads, is about to read, or pulls the whole. */
  readonly readers?: number | undefined
  readonly prefetch?: number | undefined
  readonly repair?: number | undefined
  /** Whatever goes to another site. */
  readonly otherSites?: number | undefined
}

/** What a chunk is sent for; more urgent by the time it is paced if another that waits behind it is. */
export interface Traffic {
  priority(): WirePriority
  otherSite(): boolean
}

/** Resolves when so many bytes may be sent. */
export type Pace = (bytes: number) => Promise<void>

export interface RateCaps {
  /** Undefined while nothing is capped. */
  paceFor(traffic: Traffic): Pace | undefined
  stop(): void
}

type Cap = keyof UploadCaps
interface Bucket {
  readonly rate: number
  /** Bytes that may be sent at once; negative when it is in debt. */
  level: number
  readonly at: number
}
interface Waiting {
  readonly traffic: Traffic
  readonly bytes: number
  readonly since: number
  readonly resolve: () => void
}

const CAP_OF: Readonly<Record<WirePriority, Cap>> = {
  reader: 'readers',
  ahead: 'readers',
  whole: 'readers',
  prefetch: 'prefetch',
  repair: 'repair',
}

/**
 * Token buckets, which may go into debt by one piece. Who waits is served by urgency and by time waited, so that under one
 * cap a reader's bytes come first, and nobody's never.
 * @param capsAt what holds at a time
 */
export const createRateCaps = (capsAt: (now: Date) => UploadCaps): RateCaps => {
  const buckets = new Map<Cap, Bucket>()
  const waiting = new Set<Waiting>()
  let timer: NodeJS.Timeout | undefined

  const paceFor: RateCaps['paceFor'] = (traffic) => {
    if (Object.values(capsAt(new Date())).every((rate) => rate === undefined)) return undefined
    return async (bytes) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.add({ traffic, bytes, since: performance.now(), resolve })
      pump()
      return promise
    }
  }

  const pump = (): void => {
    clearTimeout(timer)
    const caps = capsAt(new Date())
    let soonest = SECOND // caps may change with the hour
    for (const entry of [...waiting].toSorted((a, b) => due(a) - due(b))) {
      const under = capsOver(entry.traffic, caps).map(([cap, rate]) => refilled(cap, rate))
      const wait = Math.max(0, ...under.map(msInDebt))
      if (wait > 0) {
        soonest = Math.min(soonest, wait)
        continue
      }
      for (const bucket of under) bucket.level -= entry.bytes
      waiting.delete(entry)
      entry.resolve()
    }
    if (waiting.size > 0) timer = setTimeout(pump, Math.ceil(soonest))
  }

  const refilled = (cap: Cap, rate: number): Bucket => {
    const now = performance.now()
    const full = (rate * BURST) / SECOND
    const { level, at } = buckets.get(cap) ?? { level: full, at: now }
    const bucket = { rate, level: Math.min(full, level + ((now - at) / SECOND) * rate), at: now }
    buckets.set(cap, bucket)
    return bucket
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

/** Until it is out of debt. */
const msInDebt = ({ level, rate }: Bucket): number => (level > 0 ? 0 : ((1 - level) / rate) * SECOND)

const due = ({ traffic, since }: Waiting): number => since + HEAD_START * WIRE_PRIORITIES.indexOf(traffic.priority())

const capsOver = (traffic: Traffic, caps: UploadCaps): [Cap, number][] => {
  const names: Cap[] = ['total', CAP_OF[traffic.priority()], ...(traffic.otherSite() ? (['otherSites'] as const) : [])]
  return names.flatMap((name): [Cap, number][] => (caps[name] === undefined ? [] : [[name, caps[name]]]))
}
