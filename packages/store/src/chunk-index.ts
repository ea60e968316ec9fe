import { z } from 'zod'
import { type Cid, type Sha256 } from '@hubmesh/content'
import type { IndexDb } from './index-db.ts'
import { cidTextSchema, sha256TextSchema } from './schemas.ts'
import { type Write, createRecords } from './table.ts'

/** Where a chunk's bytes are said to lie. Only a hint: whoever reads there hashes what was read. */
export interface ChunkPlace {
  readonly holder: number
  readonly offset: number
  readonly length: number
}

export interface NewChunk {
  /** 32 bytes. */
  readonly digest: Uint8Array
  readonly offset: number
  readonly length: number
}

/** A file that holds chunks: a blob, or a partial that has no name yet. */
export type Holder = { readonly sha256: Sha256 } | { readonly list: Cid }

/**
 * Chunk digest -> a place where the same bytes lie on this disk. Holders have numbers, so that an entry is 50 bytes, and so
 * that a partial that becomes a blob keeps its entries.
 */
export interface ChunkIndex {
  /** A number for a new holder. */
  takeNumber(): number
  nameHolder(number: number, holder: Holder): Write
  holder(number: number): Holder | undefined
  /** Entries for those chunks that have none yet: what is known already is as good. */
  additions(holder: number, chunks: readonly NewChunk[]): Promise<Write[]>
  find(digests: readonly Uint8Array[]): Promise<(ChunkPlace | undefined)[]>
  forget(digest: Uint8Array): Write
}

const holderSchema = z.union([z.object({ sha256: sha256TextSchema }), z.object({ list: cidTextSchema })])

export const createChunkIndex = async ({ index }: { index: IndexDb }): Promise<ChunkIndex> => {
  const { chunks: table } = index.tables
  const holders = createRecords<Holder>(index.tables.holders, 'chunk holder', holderSchema)
  const last = await index.tables.holders.lastKey()
  let next = last === undefined ? 1 : Buffer.from(last).readUIntBE(0, NUMBER_BYTES) + 1

  return {
    takeNumber: () => {
      next += 1
      return next - 1
    },
    nameHolder: (number, holder) => holders.put(numberKey(number), holder),
    holder: (number) => holders.get(numberKey(number)),
    additions: async (holder, chunks) => {
      const known = await table.hasMany(chunks.map((chunk) => chunk.digest))
      return chunks
        .filter((_, at) => known[at] !== true)
        .map(({ digest, offset, length }) => table.put(digest, encodePlace({ holder, offset, length })))
    },
    find: async (digests) => (await table.getMany(digests)).map(decodePlace),
    forget: (digest) => table.del(digest),
  }
}

const NUMBER_BYTES = 6
const OFFSET_BYTES = 6
const LENGTH_BYTES = 3
const PLACE_BYTES = NUMBER_BYTES + OFFSET_BYTES + LENGTH_BYTES

const numberKey = (number: number): Uint8Array => {
  const key = Buffer.alloc(NUMBER_BYTES)
  key.writeUIntBE(number, 0, NUMBER_BYTES)
  return key
}

const encodePlace = ({ holder, offset, length }: ChunkPlace): Uint8Array => {
  const bytes = Buffer.allocUnsafe(PLACE_BYTES)
  bytes.writeUIntBE(holder, 0, NUMBER_BYTES)
  bytes.writeUIntBE(offset, NUMBER_BYTES, OFFSET_BYTES)
  bytes.writeUIntBE(length, NUMBER_BYTES + OFFSET_BYTES, LENGTH_BYTES)
  return bytes
}

const decodePlace = (value: Uint8Array | undefined): ChunkPlace | undefined => {
  if (value?.length !== PLACE_BYTES) return undefined
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  return {
    holder: bytes.readUIntBE(0, NUMBER_BYTES),
    offset: bytes.readUIntBE(NUMBER_BYTES, OFFSET_BYTES),
    length: bytes.readUIntBE(NUMBER_BYTES + OFFSET_BYTES, LENGTH_BYTES),
  }
}
