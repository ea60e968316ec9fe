import { SECOND } from '../limits.ts'

/** How fast a peer gives, in payload bytes a second of the time in which something was asked of it. */
export interface Goodput {
  /** The number of requests under way has changed. Times are milliseconds. */
  busy(requests: number, now: number): void
  received(bytes: number, now: number): void
  /** Undefined while nothing was measured lately: then it is worth a try. */
  estimate(now: number): number | undefined
  /** The last estimate, whatever its age; 0 when there is none. */
  last(): number
}

/** A sample is taken once so much time was busy: shorter ones measure the jitter. */
const SAMPLE_MS = 250
/** Weight of a sample against what was known before. */
const WEIGHT = 0.3
/** An estimate that is older says nothing of today's path. */
const STALE_MS = 30 * SECOND

export const createGoodput = (): Goodput => {
  let rate = 0
  let measuredAt = -Infinity
  let busySince: number | undefined
  let busyMs = 0
  let bytes = 0

  const sample = (now: number): void => {
    const known = measuredAt > now - STALE_MS
    if (busyMs < SAMPLE_MS && (known || bytes === 0)) return // a first guess is better than none
    const measured = (bytes * SECOND) / Math.max(busyMs, 1)
    rate = known ? rate + WEIGHT * (measured - rate) : measured
    measuredAt = now
    busyMs = 0
    bytes = 0
  }

  return {
    busy: (requests, now) => {
      if (busySince !== undefined) busyMs += now - busySince
      busySince = requests > 0 ? now : undefined
    },
    received: (count, now) => {
      bytes += count
      if (busySince !== undefined) {
        busyMs += now - busySince
        busySince = now
      }
      sample(now)
    },
    estimate: (now) => (measuredAt > now - STALE_MS ? rate : undefined),
    last: () => rate,
  }
}
