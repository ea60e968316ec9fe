import type { Metric } from './exposition.ts'
import { createHistogram } from './histogram.ts'

/** What this process costs, and how late its event loop is. */
export interface ProcessMeter {
  start(): void
  stop(): void
  metrics(): Metric[]
}

const LOOK_MS = 100
/** Seconds. A timer is late by up to a millisecond without any reason. */
const LAG_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]

export const createProcessMeter = (): ProcessMeter => {
  const lags = createHistogram(LAG_BOUNDS)
  let timer: NodeJS.Timeout | undefined
  let dueAt = 0

  const look = (): void => {
    const now = performance.now()
    lags.observe(Math.max(0, now - dueAt) / 1000)
    dueAt = now + LOOK_MS
  }

  return {
    start: () => {
      dueAt = performance.now() + LOOK_MS
      timer = setInterval(look, LOOK_MS).unref()
    },
    stop: () => clearInterval(timer),
    metrics: () => {
      const { user, system } = process.cpuUsage()
      return [
        {
          name: 'process_cpu_seconds_total',
          type: 'counter',
          help: 'CPU time of all threads of the node.',
          samples: [{ value: (user + system) / 1e6 }],
        },
        {
          name: 'process_resident_memory_bytes',
          type: 'gauge',
          help: 'Memory of the node.',
          samples: [{ value: process.memoryUsage.rss() }],
        },
        {
          name: 'process_start_time_seconds',
          type: 'gauge',
          help: 'When the node was started, since 1970.',
          samples: [{ value: performance.timeOrigin / 1000 }],
        },
        {
          name: 'hubmesh_event_loop_lag_seconds',
          type: 'histogram',
          help: 'How late a timer is, looked at ten times a second.',
          samples: lags.samples(),
        },
      ]
    },
  }
}
