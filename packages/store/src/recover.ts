import { chmod, readdir } from 'node:fs/promises'
import { type Log, type Sha256, blockCid, sha256FromBytes } from '@hubmesh/content'
import { join } from 'node:path'
import type { BlobFiles } from './blob-files.ts'
import { moveIfThere, removeFile } from './disk.ts'
import type { IndexDb } from './index-db.ts'
import { createStagings } from './ingest/staged-ingest.ts'
import type { Layout } from './layout.ts'
import { createPartialRecords } from './partial/partial-file.ts'
import { type Write, textKeyParts } from './table.ts'

/**
 * Brings the files of `partial/` and the index together after a stop in the middle of something. What had its file renamed,
 * but not its name recorded, goes back and is hashed again; what has no file is forgotten; what nobody knows is removed.
 */
export const recover = async (components: {
  index: IndexDb
  layout: Layout
  blobs: BlobFiles
  log: Log
}): Promise<void> => {
  const { index, layout, blobs, log } = components
  const strangers = new Set(await readdir(layout.partials))
  const forgotten: Write[] = []

  /** Whether the file is there, or could be brought back from where it was about to be a blob. */
  const isThere = async (name: string, sha256: Sha256 | undefined): Promise<boolean> => {
    if (strangers.delete(name)) return true
    const path = join(layout.partials, name)
    if (sha256 === undefined || blobs.has(sha256) || !(await moveIfThere(layout.blob(sha256), path))) return false
    await chmod(path, 0o600)
    return true
  }

  const partials = createPartialRecords(index)
  for await (const [key, { sha256 }] of partials.entries())
    if (!(await isThere(blockCid(sha256FromBytes(key)), sha256)))
      forgotten.push(partials.del(key), index.tables.have.del(key))

  const stagings = createStagings(index)
  for await (const [key, { sha256 }] of stagings.entries())
    if (!(await isThere(textKeyParts(key)[0] ?? '', sha256))) forgotten.push(stagings.del(key))

  await index.commit(forgotten)
  for (const name of strangers) await removeFile(join(layout.partials, name))
  if (strangers.size + forgotten.length > 0)
    log.info({ removed: strangers.size, forgotten: forgotten.length }, 'cleaned up after an unclean stop')
}
