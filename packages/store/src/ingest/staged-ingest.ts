import { type FileHandle, open } from 'node:fs/promises'
import { z } from 'zod'
import {
  type ByteRange,
  type Ingest,
  type IngestPlan,
  type IngestedBlob,
  MeshError,
  orAbort,
  wholeRange,
} from '@hubmesh/content'
import { onDisk, removeFile, syncFolder, writeAll } from '../disk.ts'
import { createFlusher } from '../flusher.ts'
import type { DescribedBlob } from '../hashing/described-blob.ts'
import type { HashJob, HashPool } from '../hashing/pool.ts'
import type { IndexDb } from '../index-db.ts'
import { type NamingComponents, nameBlob } from '../name-blob.ts'
import { type RangeSet, createRangeSet } from '../range-set.ts'
import { countSchema, sha256TextSchema } from '../schemas.ts'
import { createRecords, textKey } from '../table.ts'
import { requireExpected, requireInside } from './expected.ts'

/** What the index says of a staging file: which of its bytes are on the disk. */
const stagingSchema = z.object({
  size: countSchema,
  /** Starts and ends, in order. */
  ranges: z.array(countSchema),
  /** Name of the whole, once it is known and about to be given. */
  sha256: sha256TextSchema.optional(),
})

export interface IngestComponents extends NamingComponents {
  readonly hashes: HashPool
}

export const createStagings = (index: IndexDb) => createRecords(index.tables.ingests, 'staging record', stagingSchema)

/** Index key of a staging: the name of its file. */
const stagingKey = (path: string): Uint8Array => textKey(path.slice(path.lastIndexOf('/') + 1))

/** Ranges that a record holds at most: the largest. So many streams no download has. */
const MAX_RANGES = 256

/**
 * A staging file that is written at any place, and hashed by a thread that follows behind. The index knows which bytes are
 * durable; a running hash cannot be saved, so after a restart the file is read again from its start.
 */
export const openStagedIngest = async (components: IngestComponents, plan: IngestPlan): Promise<Ingest> => {
  const { index, layout, space, hashes } = components
  const { key, size, expect } = plan
  const path = layout.ingest(key)
  const stagings = createStagings(index)
  const recordKey = stagingKey(path)

  const { file, ranges } = await onDisk(`the staging of ${key} cannot be opened`, openStaging)
  const durable = createRangeSet(ranges)
  const written = createRangeSet(ranges)
  let unsynced: ByteRange[] = []
  let job: HashJob<DescribedBlob> | undefined
  let failure: { error: unknown } | undefined
  let isOver = false

  async function openStaging(): Promise<{ file: FileHandle; ranges: ByteRange[] }> {
    const known = stagings.get(recordKey)
    if (known?.size === size) return { file: await open(path, 'r+'), ranges: toRanges(known.ranges) }
    const created = await open(path, 'w+', 0o600)
    await created.truncate(size)
    await syncFolder(layout.partials)
    await index.commit([stagings.put(recordKey, { size, ranges: [] })])
    return { file: created, ranges: [] }
  }

  const flusher = createFlusher(async () => {
    const synced = unsynced
    unsynced = []
    if (synced.length === 0) return
    try {
      await onDisk(`the staging of ${key} cannot be synced`, () => file.datasync())
      for (const range of synced) durable.add(range)
      await index.commit([stagings.put(recordKey, { size, ranges: toNumbers(durable) })])
    } catch (error) {
      failure ??= { error } // nobody can tell what of it is on the disk: whoever opens it again is told what is missing
      throw error
    }
  })

  const requireSound = (): void => {
    if (failure !== undefined) throw failure.error
  }

  const follow = (): void => {
    const end = written.prefix()
    if (end === 0) return
    job ??= hashes.describe({ path, size }, { gitOid: expect.gitOid !== undefined })
    job.advance(end)
  }

  /** What is written already stays: it may have been hashed, and must not change behind that. */
  const write = async (offset: number, bytes: Uint8Array): Promise<void> => {
    requireSound()
    requireInside(size, offset, bytes.length)
    for (const range of written.missing({ start: offset, end: offset + bytes.length }))
      await writeRange(range, bytes.subarray(range.start - offset, range.end - offset))
    follow()
  }

  const writeRange = async (range: ByteRange, bytes: Uint8Array): Promise<void> => {
    await space.claim(bytes.length)
    await flusher.write(bytes.length, async () => {
      await onDisk(`the staging of ${key} cannot be written`, () => writeAll(file, [bytes], range.start))
      unsynced.push(range)
      written.add(range)
    })
  }

  const finish = async (signal: AbortSignal): Promise<IngestedBlob> => {
    signal.throwIfAborted()
    requireSound()
    if (job === undefined || written.missing(wholeRange(size)).length > 0)
      throw new MeshError('bad-input', `bytes of ${key} are still missing`)
    await flusher.flush()
    requireSound()
    const described = await orAbort(job.result, signal)
    try {
      requireExpected(plan, described)
    } catch (error) {
      await discard()
      throw error
    }
    await index.commit([stagings.put(recordKey, { size, ranges: [0, size], sha256: described.sha256 })])
    const blob = await nameBlob(components, { path, size }, described, [stagings.del(recordKey)])
    await end()
    return blob
  }

  const discard = async (): Promise<void> => {
    await end()
    await index.commit([stagings.del(recordKey)])
    await removeFile(path)
  }

  const end = async (): Promise<void> => {
    isOver = true
    job?.cancel()
    await file.close()
  }

  follow()
  return {
    size,
    missing: () => durable.missing(wholeRange(size)),
    write,
    finish,
    close: async () => {
      if (isOver) return
      try {
        await flusher.close()
      } finally {
        await end()
      }
    },
  }
}

const toNumbers = ({ ranges }: RangeSet): number[] =>
  ranges
    .toSorted((a, b) => b.end - b.start - (a.end - a.start))
    .slice(0, MAX_RANGES)
    .toSorted((a, b) => a.start - b.start)
    .flatMap(({ start, end }) => [start, end])

const toRanges = (numbers: readonly number[]): ByteRange[] => {
  const ranges: ByteRange[] = []
  for (let at = 0; at + 1 < numbers.length; at += 2) ranges.push({ start: numbers[at] ?? 0, end: numbers[at + 1] ?? 0 })
  return ranges
}
