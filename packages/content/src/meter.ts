import type { Meter } from './ports/runtime.ts'
import { zeroCounters } from './status.ts'

export const createMeter = (): Meter => {
  const counters = zeroCounters()
  return {
    add: (name, amount) => {
      counters[name] += amount
    },
    read: () => ({ ...counters }),
  }
}
