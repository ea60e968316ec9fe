/** How fast a client takes what is written to it, in bytes a second of its own time: what it has to wait for does not count. */
export interface ClientRate {
  /** A write of so many bytes begins; call what it returns when the kernel has taken them all. */
  begin(bytes: number): () => void
  /** Undefined while it is not known: a client that takes all as fast as it comes shows no speed of its own. */
  perSecond(): number | undefined
}

/**
 * The kernel takes a few MiB of any answer at once. A write that lasts so long, in ms, waited for the client: at its end the
 * kernel was full, and from one such moment to the next the client has taken as much as was written.
 */
const HELD_UP_MS = 20
/** From one to the other at least, in ms. */
const SAMPLE_MS = 500
/** Where less of that time than this part was spent in writing, the client may have run dry: that says nothing of it. */
const WRITING_PART = 0.5
/** Weight of a sample against what was known before. */
const WEIGHT = 0.3

export const createClientRate = (now: () => number = () => performance.now()): ClientRate => {
  let rate: number | undefined
  /** When the kernel was known to be full; and what was written since, in which time. */
  let fullAt: number | undefined
  let bytes = 0
  let writingMs = 0
  let write: { readonly bytes: number; readonly since: number } | undefined

  const onFull = (at: number): void => {
    const ms = at - (fullAt ?? at)
    if (fullAt !== undefined && ms < SAMPLE_MS) return
    if (fullAt !== undefined && writingMs >= WRITING_PART * ms) {
      const measured = (bytes / ms) * 1000
      rate = rate === undefined ? measured : rate + WEIGHT * (measured - rate)
    }
    fullAt = at
    bytes = 0
    writingMs = 0
  }

  return {
    begin: (length) => {
      const since = now()
      write = { bytes: length, since }
      return () => {
        const at = now()
        write = undefined
        bytes += length
        writingMs += at - since
        if (at - since >= HELD_UP_MS) onFull(at)
      }
    },
    perSecond: () => {
      if (rate === undefined || write === undefined) return rate
      const ms = writingMs + now() - write.since
      return ms < SAMPLE_MS ? rate : Math.min(rate, ((bytes + write.bytes) / ms) * 1000) // it may stand still
    },
  }
}
