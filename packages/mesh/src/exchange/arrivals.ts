import type { ChunkShelf, Cid } from '@hubmesh/content'
import { HAS_SPACING, MAX_HAS_DELAY } from '../limits.ts'

/** Chunks that come to the shelf, told to those streams that have their set open. */
export interface Arrivals {
  /** Calls the listener with the index of each chunk of the set, until the returned function is called. */
  listen(set: Cid, listener: (index: number) => void): () => void
  /** Milliseconds that pass at least before a stream is told again: the more, the more streams are to be told. */
  spacing(set: Cid): number
  stop(): void
}

/** One look-up for each chunk, however many streams there are. */
export const createArrivals = (shelf: ChunkShelf): Arrivals => {
  const listeners = new Map<Cid, Set<(index: number) => void>>()

  const stop = shelf.onHave((set, index) => {
    for (const listener of listeners.get(set) ?? []) listener(index)
  })

  const listen: Arrivals['listen'] = (set, listener) => {
    const ofSet = listeners.get(set) ?? new Set()
    listeners.set(set, ofSet)
    ofSet.add(listener)
    return () => {
      ofSet.delete(listener)
      if (ofSet.size === 0 && listeners.get(set) === ofSet) listeners.delete(set)
    }
  }

  return {
    listen,
    spacing: (set) => Math.min(MAX_HAS_DELAY, HAS_SPACING * (listeners.get(set)?.size ?? 0)),
    stop,
  }
}
