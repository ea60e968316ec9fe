import type { Bitmap, Sha256 } from '@hubmesh/content'
import type { HashJob } from '../hashing/pool.ts'
import type { ChunkMap } from './chunk-map.ts'

/** Has a thread hash a partial's contiguous prefix as it grows: when the last chunk comes, little is left to hash. */
export interface Follower {
  /** Chunks have come, or what failed may go now. */
  advance(): void
  /** A chunk turned out bad. What was hashed of it may be bad too. */
  retract(index: number): void
  /** For good. */
  stop(): void
}

export interface FollowerEvents {
  /** All was hashed. */
  readonly onWhole: (sha256: Sha256) => void
  /** The file cannot be hashed. */
  readonly onFailure: (error: unknown) => void
  /** A page of the list is not at hand: it goes on at the next `advance`. */
  readonly onStuck: (error: unknown) => void
}

export const createFollower = (
  { have, map, startJob }: { have: Bitmap; map: ChunkMap; startJob: () => HashJob<{ readonly sha256: Sha256 }> },
  { onWhole, onFailure, onStuck }: FollowerEvents,
): Follower => {
  let job: HashJob<{ readonly sha256: Sha256 }> | undefined
  let next = 0
  let run = 0
  let isWalking = false
  let isStopped = false

  const isDue = (): boolean => !isStopped && have.has(next)

  const walk = async (): Promise<void> => {
    const mine = run
    let end = 0
    while (have.has(next)) {
      const { offset, length } = await map.locate(next)
      if (run !== mine) return // begun anew, or stopped, meanwhile
      end = offset + length
      next += 1
    }
    if (end > 0) jobNow().advance(end)
  }

  const jobNow = (): HashJob<{ readonly sha256: Sha256 }> => {
    if (job !== undefined) return job
    const started = startJob()
    job = started
    started.result.then(
      ({ sha256 }) => onWhole(sha256),
      (error: unknown) => {
        if (job === started) onFailure(error) // else it was cancelled
      },
    )
    return started
  }

  const beginAnew = (): void => {
    const before = job
    job = undefined
    next = 0
    run += 1
    before?.cancel()
  }

  const advance = async (): Promise<void> => {
    if (isWalking) return
    isWalking = true
    try {
      while (isDue()) await walk()
    } catch (error) {
      onStuck(error)
    } finally {
      isWalking = false
    }
  }

  return {
    advance: () => void advance(),
    retract: (index) => {
      if (index <= next) beginAnew() // the next one may be on its way already
    },
    stop: () => {
      isStopped = true
      beginAnew()
    },
  }
}
