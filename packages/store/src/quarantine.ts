import { readdir, rename, stat } from 'node:fs/promises'
import { type Log, type Sha256, isSha256 } from '@hubmesh/content'
import type { BlobFiles } from './blob-files.ts'
import type { ChunkIndex } from './chunk-index.ts'
import type { HashJob, HashPool } from './hashing/pool.ts'
import { BAD_SUFFIX, type Layout } from './layout.ts'

/** Looks again, in the background, at blobs that were taken out of use: those that still hash right come back. */
export interface Quarantine {
  /** Leaves to the next start what is being looked at. */
  close(): Promise<void>
}

export const startQuarantine = async (components: {
  blobs: BlobFiles
  chunks: ChunkIndex
  hashes: HashPool
  layout: Layout
  log: Log
}): Promise<Quarantine> => {
  const { blobs, chunks, hashes, layout, log } = components
  const looking = new Set<Promise<void>>()
  const jobs = new Set<HashJob<unknown>>()
  let closed = false

  const look = async (sha256: Sha256, holder: number): Promise<void> => {
    const path = layout.quarantined(sha256)
    const { size } = await stat(path)
    const found = await digest(path, size)
    if (found.sha256 === sha256) {
      await blobs.place({ path, sha256, holder }, [])
      log.info({ sha256 }, 'a blob is back in use: its bytes are right')
    } else {
      await rename(path, path + BAD_SUFFIX)
      log.error({ sha256 }, 'a blob was damaged on this disk: it stays in quarantine, and is fetched again when needed')
    }
  }

  const digest = async (path: string, size: number): Promise<{ readonly sha256: Sha256 }> => {
    const job = hashes.digest({ path, size })
    jobs.add(job)
    try {
      job.advance(size)
      return await job.result
    } finally {
      jobs.delete(job)
    }
  }

  const lookSoon = (sha256: Sha256, holder: number): void => {
    if (closed) return // the next start looks
    const task = look(sha256, holder)
      .catch((error: unknown) => {
        if (!closed) log.error({ sha256, error }, 'a blob in quarantine cannot be looked at')
      })
      .finally(() => looking.delete(task))
    looking.add(task)
  }

  blobs.onDoubt(lookSoon)
  for (const name of await readdir(layout.quarantine)) if (isSha256(name)) lookSoon(name, chunks.takeNumber())

  return {
    close: async () => {
      closed = true
      for (const job of jobs) job.cancel()
      await Promise.all(looking)
    },
  }
}
