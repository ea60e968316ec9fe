import { type FetchedChunk, MeshError, type VerifiedBytes } from '@hubmesh/content'
import type { Uint8ArrayList } from 'uint8arraylist'

/*
 * Whoever waits for a chunk waits for long, and V8 takes the promises, maps and frames of the waiting for lasting: what they
 * refer to when they are over stays in memory until a full collection, and the bytes of all chunks would. So nothing that
 * waited keeps a chunk's bytes: what it refers to is emptied.
 */

/** The parts of a payload, which is empty after it. */
export const consume = (payload: Uint8ArrayList): Uint8Array[] => {
  const parts = [...payload]
  payload.consume(payload.byteLength)
  return parts
}

/** A chunk that lets its bytes go when it is released. */
export const createFetched = (
  { bytes, from, sameSite }: Omit<FetchedChunk, 'release'>,
  onRelease: () => void,
): FetchedChunk => {
  let held: VerifiedBytes | undefined = bytes
  return {
    get bytes() {
      if (held === undefined) throw new MeshError('bad-input', 'a chunk was used after its release')
      return held
    },
    from,
    sameSite,
    release: () => {
      if (held === undefined) return
      held = undefined
      onRelease()
    },
  }
}
