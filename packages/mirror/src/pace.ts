import { ALL_WINDOWS_BYTES, MAX_WINDOW_BYTES, MIN_WINDOW_BYTES } from './limits.ts'

/** Shares among all readers what they may have on its way ahead of them. */
export interface Pace {
  join(): { windowBytes(): number; leave(): void }
}

export const createPace = (): Pace => {
  let readers = 0
  return {
    join: () => {
      readers += 1
      let joined = true
      return {
        windowBytes: () => Math.min(MAX_WINDOW_BYTES, Math.max(MIN_WINDOW_BYTES, ALL_WINDOWS_BYTES / readers)),
        leave: () => {
          if (joined) readers -= 1
          joined = false
        },
      }
    },
  }
}
