import { readdir, rename, stat } from 'node:fs/promises'
import { type Log, type Sha256, isSha256 } from '@hubmesh/content'
import type { BlobFiles } from './blob-files.ts'
import type { ChunkIndex } from './chunk-index.ts'
import type { HashPool } from './hashing/pool.ts'
import { BAD_SUFFIX, type Layout } from './layout.ts'

/** Looks again, in the background, at blobs that were taken out of use: those that still hash right come back. */
export interface Quarantine {
  /** Waits for what is being looked at. Hashing has to be ended before. */
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
  let closed = false

  const look = async (sha256: Sha256, holder: number): Promise<void> => {
    const path = layout.quarantined(sha256)
    const { size } = await stat(path)
    const job = hashes.digest({ path, size })
    job.advance(size)
    const found = await job.result
    if (found.sha256 === sha256) {
      await blobs.place({ path, sha256, holder }, [])
      log.info({ sha256 }, 'a blob is back in use: its bytes are right')
    } else {
      await rename(path, path + BAD_SUFFIX)
      log.error({ sha256 }, 'a blob was damaged on this disk: it stays in quarantine, and is fetched again when needed')
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
      await Promise.all(looking)
    },
  }
}
