import { type BigIntStats, statSync } from 'node:fs'
import { type FileHandle, chmod, mkdir, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { type BlobHandle, type Log, type Sha256, type StoreStatus, sha256Bytes } from '@hubmesh/content'
import type { ChunkIndex } from './chunk-index.ts'
import { moveIfThere, onDisk, openIfThere, readFully, removeFile, syncFolder } from './disk.ts'
import { HOT_BLOB_BYTES, createHotBlobs } from './hot-blobs.ts'
import type { IndexDb } from './index-db.ts'
import { createKeyedLock } from './keyed-lock.ts'
import type { Layout } from './layout.ts'
import { countSchema } from './schemas.ts'
import { type Write, createRecords } from './table.ts'

/** What a blob's file looked like when it got its name. */
const recordSchema = z.object({
  size: countSchema,
  /** Nanoseconds, as texts: over 2^53. */
  mtime: z.string(),
  ctime: z.string(),
  inode: z.string(),
  /** How many names the file has: `pull --to` makes hard links. */
  links: countSchema,
  /** Its number in the index of chunks. */
  holder: countSchema,
})
type BlobRecord = z.infer<typeof recordSchema>

/** The complete blobs: files under `blobs/`, and what the index says of them. */
export interface BlobFiles {
  has(sha256: Sha256): boolean
  hasMany(names: readonly Sha256[]): Promise<boolean[]>
  open(sha256: Sha256): Promise<BlobHandle | undefined>
  /**
   * Gives a complete, hashed and synced file its name, and applies the writes with it. Where the blob is there already, the
   * file is removed.
   */
  place(file: NewBlob, writes: readonly Write[]): Promise<void>
  /** Takes a blob whose bytes are in doubt out of use. Resolves with its holder's number when it was in use. */
  withdraw(sha256: Sha256, reason: string): Promise<number | undefined>
  usage(): Omit<StoreStatus, 'quota'>
  /** Called when a blob has come, or has gone. */
  onChange(listener: (sha256: Sha256, isHere: boolean) => void): void
  /** Called when a blob was withdrawn: its file lies in quarantine. */
  onDoubt(listener: (sha256: Sha256, holder: number) => void): void
}

interface NewBlob {
  readonly path: string
  readonly sha256: Sha256
  readonly holder: number
}

interface Components {
  readonly index: IndexDb
  readonly layout: Layout
  readonly chunks: ChunkIndex
  readonly log: Log
}

export const openBlobFiles = async ({ index, layout, chunks, log }: Components): Promise<BlobFiles> => {
  const records = createRecords(index.tables.blobs, 'blob record', recordSchema)
  const one = createKeyedLock()
  const changeListeners: ((sha256: Sha256, isHere: boolean) => void)[] = []
  const doubtListeners: ((sha256: Sha256, holder: number) => void)[] = []
  const hot = createHotBlobs()
  const total = { bytes: 0, blobs: 0 }
  for await (const [, { size }] of records.entries()) count(total, size, 1)

  const has = (sha256: Sha256): boolean => records.get(sha256Bytes(sha256)) !== undefined

  const changed = (sha256: Sha256, isHere: boolean): void => {
    hot.delete(sha256)
    for (const listener of changeListeners) listener(sha256, isHere)
  }

  const give = async ({ path, sha256, holder }: NewBlob, writes: readonly Write[]): Promise<void> => {
    const target = layout.blob(sha256)
    await chmod(path, 0o444)
    if ((await mkdir(dirname(target), { recursive: true, mode: 0o700 })) !== undefined) await syncFolder(layout.blobs)
    await rename(path, target)
    await syncFolder(dirname(target))
    const record = describe(await stat(target, { bigint: true }), holder)
    const named = [records.put(sha256Bytes(sha256), record), chunks.nameHolder(holder, { sha256 })]
    await index.commit([...writes, ...named])
    count(total, record.size, 1)
    changed(sha256, true)
  }

  const place = (file: NewBlob, writes: readonly Write[]): Promise<void> =>
    one(file.sha256, () =>
      onDisk(`blob ${file.sha256} cannot be stored`, async () => {
        if (!(await isIntact(file.sha256))) return give(file, writes)
        await index.commit([...writes, chunks.nameHolder(file.holder, { sha256: file.sha256 })])
        await removeFile(file.path)
      }),
    )

  /** Whether the blob is here as the index says; what is here otherwise is withdrawn. */
  const isIntact = async (sha256: Sha256): Promise<boolean> => {
    if (!has(sha256)) return false
    const opened = await openChecked(sha256)
    await opened?.file.close()
    return opened !== undefined
  }

  /** Opens the file if it is what the index says. */
  const openChecked = async (sha256: Sha256): Promise<OpenFile | undefined> => {
    const record = records.get(sha256Bytes(sha256))
    if (record === undefined) return undefined
    const file = await openIfThere(layout.blob(sha256))
    if (file === undefined) {
      await take(sha256, record, 'its file is gone')
      return undefined
    }
    const stats = await file.stat({ bigint: true })
    const found = describe(stats, record.holder)
    if (!isSame(found, record)) {
      await file.close()
      await take(sha256, record, 'its file was changed from outside')
      return undefined
    }
    if (found.ctime !== record.ctime) await index.note([records.put(sha256Bytes(sha256), found)])
    return { file, stats }
  }

  /** Out of use: the record is removed before the file goes, so that nothing is claimed that is not there. */
  const take = async (sha256: Sha256, record: BlobRecord, reason: string): Promise<void> => {
    log.warn({ sha256, reason }, 'a blob was taken out of use')
    await index.commit([records.del(sha256Bytes(sha256))])
    count(total, record.size, -1)
    changed(sha256, false)
    if (await moveIfThere(layout.blob(sha256), layout.quarantined(sha256)))
      for (const listener of doubtListeners) listener(sha256, record.holder)
  }

  /** Bytes that are in memory, if the file is still what they were read from. */
  const openHot = (sha256: Sha256): BlobHandle | undefined => {
    const held = hot.get(sha256)
    if (held === undefined) return undefined
    const { bytes, path, stats } = held
    const now = statSync(path, { bigint: true, throwIfNoEntry: false }) // at once, as a look-up in the index
    return now !== undefined && isUntouched(now, stats) ? createHotHandle(bytes, path) : undefined
  }
  const openCold = async (sha256: Sha256): Promise<BlobHandle | undefined> => {
    if (!has(sha256)) return undefined
    const opened = await one(sha256, () => openChecked(sha256)) // in turn with what changes the blob
    if (opened === undefined) return undefined
    const { file, stats } = opened
    const path = layout.blob(sha256)
    if (stats.size > HOT_BLOB_BYTES) return createHandle(opened, path)
    const bytes = Buffer.allocUnsafeSlow(Number(stats.size))
    const count = await readAndClose(file, bytes)
    if (count === bytes.length) hot.set(sha256, { bytes, path, stats })
    return createHotHandle(bytes.subarray(0, count), path)
  }
  const openBlob = (sha256: Sha256): Promise<BlobHandle | undefined> =>
    onDisk(`blob ${sha256} cannot be opened`, async () => openHot(sha256) ?? openCold(sha256))

  return {
    has,
    hasMany: (names) => index.tables.blobs.hasMany(names.map(sha256Bytes)),
    open: openBlob,
    place,
    withdraw: (sha256, reason) =>
      one(sha256, async () => {
        const record = records.get(sha256Bytes(sha256))
        if (record !== undefined) await take(sha256, record, reason)
        return record?.holder
      }),
    usage: () => ({ ...total }),
    onChange: (listener) => void changeListeners.push(listener),
    onDoubt: (listener) => void doubtListeners.push(listener),
  }
}

interface OpenFile {
  readonly file: FileHandle
  readonly stats: BigIntStats
}

const createHandle = ({ file, stats }: OpenFile, path: string): BlobHandle => ({
  size: Number(stats.size),
  path,
  readInto: (offset, buffer) => onDisk('a blob cannot be read', () => readFully(file, buffer, offset)),
  close: () => file.close(),
})

const readAndClose = async (file: FileHandle, bytes: Uint8Array): Promise<number> => {
  try {
    return await readFully(file, bytes, 0)
  } finally {
    await file.close()
  }
}

const createHotHandle = (bytes: Uint8Array, path: string): BlobHandle => ({
  size: bytes.length,
  path,
  readInto: async (offset, buffer) => {
    const part = bytes.subarray(offset, offset + buffer.length)
    buffer.set(part)
    return part.length
  },
  close: async () => {},
})

const describe = (file: BigIntStats, holder: number): BlobRecord => ({
  size: Number(file.size),
  mtime: String(file.mtimeNs),
  ctime: String(file.ctimeNs),
  inode: String(file.ino),
  links: Number(file.nlink),
  holder,
})

/**
 * Whether the bytes can be taken for what they were. A hard link that was made or removed (`pull --to`) explains another
 * ctime; nothing else does.
 */
const isSame = (found: BlobRecord, record: BlobRecord): boolean =>
  found.size === record.size &&
  found.mtime === record.mtime &&
  found.inode === record.inode &&
  (found.ctime === record.ctime || found.links !== record.links)

/** Where it was touched at all, `isSame` decides. */
const isUntouched = (now: BigIntStats, then: BigIntStats): boolean =>
  now.ctimeNs === then.ctimeNs && now.mtimeNs === then.mtimeNs && now.size === then.size && now.ino === then.ino

const count = (total: { bytes: number; blobs: number }, bytes: number, blobs: 1 | -1): void => {
  total.bytes += blobs * bytes
  total.blobs += blobs
}
