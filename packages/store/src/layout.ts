import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cid, Sha256 } from '@hubmesh/content'

/** Where everything lies in a home. */
export interface Layout {
  readonly home: string
  readonly index: string
  readonly blobs: string
  readonly partials: string
  readonly quarantine: string
  /** `blobs/sha256/ab/abcd…`: a complete, verified, read-only file. */
  blob(sha256: Sha256): string
  /** `partial/<list CID>`: a sparse file that grows. */
  partial(list: Cid): string
  /** `partial/in-<hash of the key>`: bytes on their way in from outside. */
  ingest(key: string): string
  /** A name in `partial/` that nothing in the index knows: removed at the next start. */
  scratch(): string
  quarantined(sha256: Sha256): string
}

/** Ends the name of a quarantined file that was found bad: it is looked at no more. */
export const BAD_SUFFIX = '.bad'

export const createLayout = (home: string): Layout => {
  const blobs = join(home, 'blobs', 'sha256')
  const partials = join(home, 'partial')
  const quarantine = join(home, 'quarantine')
  let scratches = 0
  return {
    home,
    index: join(home, 'index'),
    blobs,
    partials,
    quarantine,
    blob: (sha256) => join(blobs, sha256.slice(0, 2), sha256),
    partial: (list) => join(partials, list),
    ingest: (key) => join(partials, `in-${createHash('sha256').update(key).digest('hex')}`),
    scratch: () => join(partials, `tmp-${(scratches += 1)}`),
    quarantined: (sha256) => join(quarantine, sha256),
  }
}

/** Makes the folders. Only this user may look into the home. */
export const prepareLayout = async (layout: Layout): Promise<void> => {
  for (const folder of [layout.home, layout.blobs, layout.partials, layout.quarantine])
    await mkdir(folder, { recursive: true, mode: 0o700 })
}
