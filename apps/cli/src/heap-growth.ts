import { performance } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'

/**
 * By how much of what lives V8 lets its heap grow until it collects all of it, in percent: while the process works, so that
 * it works for itself rather than for the collector; and while it rests, so that it is small.
 */
const BUSY_PERCENT = 100
const RESTING_PERCENT = 30
/** Of the main thread's time. Peers' questions to a node at rest take a fifth of it at most. */
const BUSY_SHARE = 0.4
const LOOK_MS = 500

interface HeapGrowthOptions {
  /** Of the time since it was last asked, the share in which the main thread had work. */
  readonly busyShare?: () => number
  readonly setPercent?: (percent: number) => void
}

/** Has the heap be as large as the work asks, for as long as the process lives. */
export const followWork = ({ busyShare = createBusyShare(), setPercent = growBy }: HeapGrowthOptions = {}): void => {
  let percent = BUSY_PERCENT // as on the command line
  const look = (): void => {
    const due = busyShare() > BUSY_SHARE ? BUSY_PERCENT : RESTING_PERCENT
    if (due !== percent) setPercent(due)
    percent = due
  }
  setInterval(look, LOOK_MS).unref()
}

const createBusyShare = (): (() => number) => {
  let last = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, last)
    last = now
    return utilization
  }
}

/** V8 reads it at the end of each full collection. */
const growBy = (percent: number): void => setFlagsFromString(`--heap-growing-percent=${percent}`)
