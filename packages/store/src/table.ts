import type { BatchOperation, Level } from 'level'
import type { z } from 'zod'
import { decodeValue, encodeValue, parseAs } from '@hubmesh/content'

export type TableSource = Level<Uint8Array, Uint8Array>

/** One change, to be given to `IndexDb.commit`. */
export interface Write {
  readonly operation: BatchOperation<TableSource, Uint8Array, Uint8Array>
}

/** Bytes by bytes. */
export interface Table {
  /** At once: a look-up takes microseconds, waiting for a thread takes longer. For small values. */
  get(key: Uint8Array): Uint8Array | undefined
  /** For large values: read on another thread. */
  load(key: Uint8Array): Promise<Uint8Array | undefined>
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  hasMany(keys: readonly Uint8Array[]): Promise<boolean[]>
  put(key: Uint8Array, value: Uint8Array): Write
  del(key: Uint8Array): Write
  /** In order of key; those that begin with `prefix`. */
  entries(prefix?: Uint8Array): AsyncIterable<[Uint8Array, Uint8Array]>
  lastKey(): Promise<Uint8Array | undefined>
}

export const openTable = async (db: TableSource, name: string): Promise<Table> => {
  const level = db.sublevel<Uint8Array, Uint8Array>(name, { keyEncoding: 'view', valueEncoding: 'view' })
  await level.open()
  return {
    get: (key) => level.getSync(key),
    load: (key) => level.get(key),
    getMany: (keys) => level.getMany([...keys]),
    hasMany: (keys) => level.hasMany([...keys]),
    put: (key, value) => ({ operation: { type: 'put', sublevel: level, key, value } }),
    del: (key) => ({ operation: { type: 'del', sublevel: level, key } }),
    entries: (prefix = new Uint8Array()) => level.iterator({ gte: prefix, lt: afterPrefix(prefix) }),
    lastKey: async () => (await level.keys({ reverse: true, limit: 1 }).all())[0],
  }
}

/** Values of one shape by bytes, as DAG-CBOR, checked when they are read: the disk is not trusted. */
export interface Records<T> {
  /** @throws MeshError `bad-bytes` when what is stored is not of the shape */
  get(key: Uint8Array): T | undefined
  put(key: Uint8Array, value: T): Write
  del(key: Uint8Array): Write
  entries(prefix?: Uint8Array): AsyncIterable<[Uint8Array, T]>
}

export const createRecords = <T>(table: Table, what: string, schema: z.ZodType<T>): Records<T> => {
  const decode = (bytes: Uint8Array): T => parseAs(what, schema, decodeValue(bytes))
  return {
    get: (key) => {
      const bytes = table.get(key)
      return bytes === undefined ? undefined : decode(bytes)
    },
    put: (key, value) => table.put(key, encodeValue(value)),
    del: (key) => table.del(key),
    entries: async function* (prefix) {
      for await (const [key, bytes] of table.entries(prefix)) yield [key, decode(bytes)]
    },
  }
}

const SEPARATOR = '\n'

/** A key of texts, none of which has a line break. */
export const textKey = (...parts: readonly string[]): Uint8Array => Buffer.from(parts.join(SEPARATOR))
export const textKeyParts = (key: Uint8Array): string[] => Buffer.from(key).toString().split(SEPARATOR)
/** The beginning of all keys that have these texts first, and more. */
export const textKeyPrefix = (...parts: readonly string[]): Uint8Array => textKey(...parts, '')

// No key of ours reaches it.
const afterPrefix = (prefix: Uint8Array): Uint8Array => Buffer.concat([prefix, Buffer.alloc(8, 0xff)])
