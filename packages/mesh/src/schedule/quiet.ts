import type { Path } from './path.ts'
import type { Wanted } from './wants.ts'

/** Paths on which something is late and nothing comes at all: neither is more asked of them, nor are they waited for. */
export interface QuietPaths {
  look(now: number): void
  has(path: Path): boolean
}

/** A path is quiet after so many ms: sooner it is only the jitter of a busy process. */
const QUIET_AFTER = 300
/** So often it is looked what is late, in ms. Whether something comes is seen at once. */
const LOOK_MS = 50

export const createQuietPaths = (asked: Iterable<Wanted>): QuietPaths => {
  const lateAt = new Map<Path, number>()
  let now = 0
  let lookedAt = -Infinity

  return {
    look: (at) => {
      now = at
      if (now - lookedAt < LOOK_MS) return
      lookedAt = now
      lateAt.clear()
      for (const { asked: requests } of asked)
        for (const request of requests)
          lateAt.set(request.path, Math.min(request.lateAt, lateAt.get(request.path) ?? Infinity))
    },
    has: (path) => (lateAt.get(path) ?? Infinity) <= now && now - path.heardAt > QUIET_AFTER,
  }
}
