import { open } from 'node:fs/promises'
import { z } from 'zod'
import { Bitmap, type Cid, type VerifiedBytes } from '@hubmesh/content'
import type { ChunkIndex, NewChunk } from '../chunk-index.ts'
import { listKey } from '../chunk-lists.ts'
import { onDisk, readFully, syncFolder, writeAll } from '../disk.ts'
import { createFlusher } from '../flusher.ts'
import type { IndexDb } from '../index-db.ts'
import type { Layout } from '../layout.ts'
import { countSchema, sha256TextSchema } from '../schemas.ts'
import type { Space } from '../space.ts'
import { type Write, createRecords } from '../table.ts'
import { verifyDigest } from '../verify-digest.ts'
import type { LocatedChunk } from './chunk-map.ts'

/** What the index says of a partial, beside its bitmap. */
const partialSchema = z.object({
  /** What its publisher says that the whole is. */
  sha256: sha256TextSchema,
  size: countSchema,
  chunks: countSchema,
  /** Its number in the index of chunks. */
  holder: countSchema,
})
export type PartialRecord = z.infer<typeof partialSchema>

export const createPartialRecords = (index: IndexDb) =>
  createRecords<PartialRecord>(index.tables.partials, 'partial record', partialSchema)

/** A sparse file that chunks are written into, and the bitmap of those that are proven. */
export interface PartialFile {
  readonly path: string
  readonly record: PartialRecord
  /** Chunks that can be read. */
  readonly have: Bitmap
  /** Resolves when the bytes can be read; they become durable soon after, with those of others. */
  write(index: number, at: LocatedChunk, bytes: VerifiedBytes): Promise<void>
  /** Hashed again; undefined when it is not what it was. */
  read(at: LocatedChunk): Promise<VerifiedBytes | undefined>
  /** A chunk is wanted again: durably not here. */
  retract(index: number): Promise<void>
  flush(): Promise<void>
  /** The index writes that make it forgotten. */
  forget(): Write[]
  close(): Promise<void>
}

export interface PartialFileComponents {
  readonly index: IndexDb
  readonly layout: Layout
  readonly chunks: ChunkIndex
  readonly space: Space
}

interface WrittenChunk {
  readonly at: number
  readonly chunk: NewChunk
}

/**
 * Opens the partial of a list, or makes it.
 * @param onLost called with chunks that were here, but did not become durable
 */
export const openPartialFile = async (
  { index, layout, chunks, space }: PartialFileComponents,
  { list, ...wanted }: { list: Cid } & Omit<PartialRecord, 'holder'>,
  onLost: (indexes: readonly number[]) => void,
): Promise<PartialFile> => {
  const path = layout.partial(list)
  const key = listKey(list)
  const records = createPartialRecords(index)
  const record = records.get(key) ?? { ...wanted, holder: chunks.takeNumber() }
  const isNew = records.get(key) === undefined

  const file = await onDisk(`the partial of list ${list} cannot be opened`, async () => {
    const opened = await open(path, isNew ? 'w+' : 'r+', 0o600)
    if (!isNew) return opened
    await opened.truncate(record.size)
    await index.note([records.put(key, record), index.tables.have.del(key), chunks.nameHolder(record.holder, { list })])
    return opened
  })

  /** What the index says, and what can be read: the same and what was written since the last flush. */
  const durable = readBitmap(record.chunks, index.tables.have.get(key))
  const have = new Bitmap(record.chunks, durable.bytes.slice())
  let unsynced: WrittenChunk[] = []
  let isInFolder = false

  const putBitmap = (): Write => index.tables.have.put(key, durable.bytes.slice())

  const persist = async (chunksWritten: readonly WrittenChunk[]): Promise<void> => {
    await file.datasync()
    if (!isInFolder) await syncFolder(layout.partials) // a reader's first chunk was not to wait for this
    isInFolder = true
    for (const { at } of chunksWritten) if (have.has(at)) durable.set(at)
    const found = await chunks.additions(
      record.holder,
      chunksWritten.map(({ chunk }) => chunk),
    )
    await index.commit([putBitmap(), ...found])
  }

  const flusher = createFlusher(async () => {
    const synced = unsynced
    unsynced = []
    if (synced.length === 0) return
    try {
      await onDisk(`the partial of list ${list} cannot be synced`, () => persist(synced))
    } catch (error) {
      // Nobody can tell what of it is on the disk: it is wanted again.
      for (const { at } of synced) for (const bitmap of [have, durable]) bitmap.clear(at)
      onLost(synced.map(({ at }) => at))
      throw error
    }
  })

  return {
    path,
    record,
    have,
    write: async (at, { offset, length, digest }, bytes) => {
      await space.claim(length)
      await flusher.write(length, async () => {
        await onDisk(`the partial of list ${list} cannot be written`, () => writeAll(file, bytes.parts, offset))
        have.set(at)
        unsynced.push({ at, chunk: { digest, offset, length } })
      })
    },
    read: async ({ offset, length, digest }) => {
      const buffer = new Uint8Array(length)
      const read = await onDisk(`the partial of list ${list} cannot be read`, () => readFully(file, buffer, offset))
      return verifyDigest(buffer.subarray(0, read), digest)
    },
    retract: async (at) => {
      have.clear(at)
      durable.clear(at)
      await index.commit([putBitmap()])
    },
    flush: () => flusher.flush(),
    forget: () => [records.del(key), index.tables.have.del(key)],
    close: async () => {
      try {
        await flusher.close()
      } finally {
        await file.close()
      }
    },
  }
}

const readBitmap = (chunks: number, bytes: Uint8Array | undefined): Bitmap =>
  bytes === undefined ? new Bitmap(chunks) : new Bitmap(chunks, Uint8Array.from(bytes))
