import { Level } from 'level'
import { MeshError } from '@hubmesh/content'
import { createCommitter } from './committer.ts'
import { diskError, errnoOf } from './disk.ts'
import { type Table, type TableSource, type Write, openTable, textKey } from './table.ts'

/** Version of what stands in the index. */
const FORMAT = 1
/** Decoded index blocks that stay in memory. */
const CACHE_BYTES = 16 * 1024 * 1024

/** Tables have names of one letter: the name stands before each key. */
const TABLES = {
  meta: 'v',
  blocks: 'b',
  blobs: 'f',
  lists: 'l',
  partials: 'p',
  have: 'h',
  chunks: 'c',
  holders: 'n',
  ingests: 'i',
  heads: 'k',
  refusals: 'r',
  signatures: 's',
  views: 'w',
  holds: 'o',
} as const

type Tables = Readonly<Record<keyof typeof TABLES, Table>>

/** What this node knows beside the bytes of blobs. */
export interface IndexDb {
  readonly tables: Tables
  /** Applies the writes all or none; durable when it resolves. Those of concurrent callers share one sync. */
  commit(writes: readonly Write[]): Promise<void>
  /** Applies the writes, and leaves it to the next `commit` to make them durable: what that makes durable never outlives them. */
  note(writes: readonly Write[]): Promise<void>
  close(): Promise<void>
}

/** @throws MeshError `busy` when another process has it open, `io` when it cannot be read */
export const openIndex = async (path: string): Promise<IndexDb> => {
  const db = new Level<Uint8Array, Uint8Array>(path, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    cacheSize: CACHE_BYTES,
  })
  try {
    await db.open()
  } catch (error) {
    throw openError(error)
  }
  const tables = await openTables(db)
  const write = async (writes: readonly Write[], sync: boolean): Promise<void> => {
    try {
      await db.batch(
        writes.map(({ operation }) => operation),
        { sync },
      )
    } catch (error) {
      throw diskError(error, 'the index cannot be written')
    }
  }
  const index: IndexDb = {
    tables,
    commit: createCommitter((writes) => write(writes, true)),
    note: async (writes) => (writes.length === 0 ? undefined : write(writes, false)),
    close: () => db.close(),
  }
  try {
    await requireFormat(index)
    return index
  } catch (error) {
    await db.close()
    throw error
  }
}

const openTables = async (db: TableSource): Promise<Tables> => {
  const opened = Object.entries(TABLES).map(async ([name, prefix]) => [name, await openTable(db, prefix)] as const)
  return Object.fromEntries(await Promise.all(opened)) as unknown as Tables
}

const requireFormat = async (index: IndexDb): Promise<void> => {
  const key = textKey('format')
  const found = index.tables.meta.get(key)
  if (found === undefined) await index.commit([index.tables.meta.put(key, Uint8Array.of(FORMAT))])
  else if (found[0] !== FORMAT)
    throw new MeshError('config', `the home's index has format ${found[0]}, only ${FORMAT} is known here`, {
      hint: 'a newer hubmesh wrote it: update this node',
    })
}

const openError = (error: unknown): unknown => {
  const cause = error instanceof Error ? error.cause : undefined
  if (errnoOf(cause) === 'LEVEL_LOCKED')
    return new MeshError('busy', 'this home is in use by another hubmesh process', {
      hint: 'stop that one first, or give --home another folder',
      cause,
    })
  return diskError(error, 'the index cannot be opened')
}
