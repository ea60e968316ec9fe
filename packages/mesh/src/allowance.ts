import { SECOND } from './limits.ts'

/** How much of something another node may cause: so much at once, and so much a second in the long run. */
export interface Allowance {
  /** False when it is used up: nothing is taken then. */
  take(cost?: number): boolean
}

export const createAllowance = ({ burst, perSecond }: { burst: number; perSecond: number }): Allowance => {
  let left = burst
  let takenAt = performance.now()
  return {
    take: (cost = 1) => {
      const now = performance.now()
      left = Math.min(burst, left + ((now - takenAt) / SECOND) * perSecond)
      takenAt = now
      if (left < cost) return false
      left -= cost
      return true
    },
  }
}
