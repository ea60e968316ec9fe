/** How a file comes from one place to some others, in whatever way. */
import type { Place } from '../../integration/local-swarm.ts'

export interface Spread {
  /** Until the last has all of it, verified where the way has means to. */
  readonly seconds: number
  /** Payload that the seed sent, in copies of the file. */
  readonly copiesOfSeed: number
  /** Payload that was received in all, in files that were made of it: what is over 1 came in vain. */
  readonly received: number
  /** Of all processes together. */
  readonly cpuSeconds: number
}

/** A way that is not ours. */
export interface Other {
  readonly name: string
  /** Why it cannot be measured here; undefined where it can. */
  whyNot(): string | undefined
  /** With processes of its own, which are gone afterwards. @throws Error when one of them ends early, as each does in time */
  spread(task: Task): Promise<Spread>
}

export interface Task {
  readonly seed: Place
  readonly takers: readonly Place[]
  /** What is spread, and its bytes. */
  readonly file: string
  readonly size: number
  /** Empty; for whatever is written. */
  readonly folder: string
}

/** No process of another way lives longer. bittorrent.py has it too. */
export const LIFE_SECONDS = 600
