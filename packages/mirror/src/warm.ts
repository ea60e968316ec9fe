import { type Log, orAbort } from '@hubmesh/content'
import { forEachBounded } from './bounded.ts'
import type { OpenChunks, Wanted } from './chunks.ts'
import { type Limits, MAX_WARM, WARM_BYTES } from './limits.ts'
import { notReady, withDeadline } from './waits.ts'

/** Fetches the beginning of a file that is likely to be read soon. Returns at once; when too much is asked, nothing happens. */
export type Warm = (wanted: Wanted) => void

export const createWarm = (
  { open, log }: { open: OpenChunks; log: Log },
  { limits, signal }: { limits: Limits; signal: AbortSignal },
): Warm => {
  const running = new Set<string>()

  const fetchBeginning = async (wanted: Wanted, signal: AbortSignal): Promise<void> => {
    const chunks = await open(wanted, signal)
    try {
      const last = await chunks.locate(Math.min(WARM_BYTES, wanted.file.size) - 1)
      const indexes = Array.from({ length: last + 1 }, (_, index) => index)
      await forEachBounded(indexes, { width: indexes.length, signal }, async (index, signal) => {
        const { start, length } = await chunks.want(index)
        if (start + length > WARM_BYTES || chunks.has(index)) return
        const lease = await chunks.ask(index, 'ahead')
        await orAbort(lease.arrived, signal).finally(() => lease.release())
      })
    } finally {
      chunks.close()
    }
  }

  return (wanted) => {
    const { sha256, size, path } = wanted.file
    if (size === 0 || running.has(sha256) || running.size >= MAX_WARM || signal.aborted) return
    running.add(sha256)
    const late = () => notReady('the beginning of the file did not come in time')
    withDeadline((signal) => fetchBeginning(wanted, signal), { signal, ms: limits.warmMs, late })
      .catch((error: unknown) => log.debug({ err: error, path }, 'the beginning of a file could not be fetched ahead'))
      .finally(() => running.delete(sha256))
  }
}
