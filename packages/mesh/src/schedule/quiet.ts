import type { Path } from './path.ts'
import { type Request, type Wanted, isComing } from './wants.ts'

/** Paths on which something is late and hardly anything comes: neither is more asked of them, nor are they waited for. */
export interface QuietPaths {
  look(now: number): void
  has(path: Path): boolean
}

/** A path is quiet after so many ms: sooner it is only the jitter of a busy process. */
const QUIET_AFTER = 300
/** So often it is looked what is late, in ms. Whether something comes is seen at once. */
const LOOK_MS = 50

export const createQuietPaths = (asked: Iterable<Wanted>): QuietPaths => {
  /** What is late first on each, as of the last look. */
  const first = new Map<Path, Request>()
  let now = 0
  let lookedAt = -Infinity

  return {
    look: (at) => {
      now = at
      if (now - lookedAt < LOOK_MS) return
      lookedAt = now
      first.clear()
      for (const want of asked)
        for (const request of want.asked)
          if (request.lateAt < (first.get(request.path)?.lateAt ?? Infinity)) first.set(request.path, request)
    },
    has: (path) => {
      const request = first.get(path)
      return request !== undefined && request.lateAt <= now && !isComing(request, now, QUIET_AFTER)
    },
  }
}
