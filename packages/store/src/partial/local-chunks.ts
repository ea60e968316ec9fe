import type { FileHandle } from 'node:fs/promises'
import type { VerifiedBytes } from '@hubmesh/content'
import type { ChunkIndex, ChunkPlace, Holder } from '../chunk-index.ts'
import { onDisk, openIfThere, readFully } from '../disk.ts'
import type { IndexDb } from '../index-db.ts'
import type { Layout } from '../layout.ts'
import { verifyDigest } from '../verify-digest.ts'

/** Chunks that are looked up in one go. */
const LOOKUP = 256

export interface WantedChunk {
  readonly index: number
  /** 32 bytes. */
  readonly digest: Uint8Array
  readonly length: number
}

/** Reads chunks from whatever file here holds the same bytes. */
export interface LocalChunks {
  /** Those of the chunks that are here, each verified as it comes. */
  read(wanted: readonly WantedChunk[], signal: AbortSignal): AsyncIterable<{ index: number; bytes: VerifiedBytes }>
}

export const createLocalChunks = (components: { index: IndexDb; layout: Layout; chunks: ChunkIndex }): LocalChunks => {
  const { index, layout, chunks } = components

  const openHolder = async (number: number): Promise<FileHandle | undefined> => {
    const holder = chunks.holder(number)
    return holder && openIfThere(pathOf(layout, holder))
  }

  const read: LocalChunks['read'] = async function* (wanted, signal) {
    const files = new Map<number, FileHandle | undefined>()
    try {
      for (let at = 0; at < wanted.length; at += LOOKUP) {
        const group = wanted.slice(at, at + LOOKUP)
        const places = await chunks.find(group.map(({ digest }) => digest))
        for (const [position, place] of places.entries()) {
          signal.throwIfAborted()
          const want = group[position]
          if (place === undefined || want === undefined || place.length !== want.length) continue
          if (!files.has(place.holder)) files.set(place.holder, await openHolder(place.holder))
          const bytes = await readPlace(files.get(place.holder), place, want.digest)
          if (bytes === undefined) await index.note([chunks.forget(want.digest)])
          else yield { index: want.index, bytes }
        }
      }
    } finally {
      for (const file of files.values()) await file?.close()
    }
  }

  return { read }
}

/** The chunk; undefined when other bytes lie there now. */
const readPlace = async (
  file: FileHandle | undefined,
  { offset, length }: ChunkPlace,
  digest: Uint8Array,
): Promise<VerifiedBytes | undefined> => {
  const buffer = new Uint8Array(length)
  const read = file && (await onDisk('a chunk cannot be read', () => readFully(file, buffer, offset)))
  return read === length ? verifyDigest(buffer, digest) : undefined
}

const pathOf = (layout: Layout, holder: Holder): string =>
  'sha256' in holder ? layout.blob(holder.sha256) : layout.partial(holder.list)
