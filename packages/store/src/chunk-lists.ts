import { z } from 'zod'
import { type Cid, type Sha256, cidSha256, sha256Bytes } from '@hubmesh/content'
import type { IndexDb } from './index-db.ts'
import { countSchema, sha256TextSchema } from './schemas.ts'
import { type Records, createRecords } from './table.ts'

/** A chunk list whose blob was complete here once: what the blob is was hashed here, not believed. */
export interface KnownList {
  readonly sha256: Sha256
  readonly size: number
  readonly chunks: number
}

const knownListSchema = z.object({ sha256: sha256TextSchema, size: countSchema, chunks: countSchema })

export const createKnownLists = (index: IndexDb): Records<KnownList> =>
  createRecords<KnownList>(index.tables.lists, 'chunk list record', knownListSchema)

export const listKey = (list: Cid): Uint8Array => sha256Bytes(cidSha256(list))
