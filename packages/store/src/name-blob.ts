import { open } from 'node:fs/promises'
import { type BlockStore, type IngestedBlob, type Sha256 } from '@hubmesh/content'
import type { BlobFiles } from './blob-files.ts'
import type { ChunkIndex, NewChunk } from './chunk-index.ts'
import { createKnownLists, listKey } from './chunk-lists.ts'
import { onDisk, removeFile, writeAll } from './disk.ts'
import type { DescribedBlob } from './hashing/described-blob.ts'
import type { IndexDb } from './index-db.ts'
import type { Layout } from './layout.ts'
import type { Space } from './space.ts'
import type { Write } from './table.ts'

/** Index writes and blocks go in groups of so many, so that no batch grows with the file. */
const GROUP = 1024
const BLOCK_GROUP = 64

export interface NamingComponents {
  readonly index: IndexDb
  readonly layout: Layout
  readonly blobs: BlobFiles
  readonly blocks: BlockStore
  readonly chunks: ChunkIndex
  readonly space: Space
}

/**
 * Gives a described and synced file its place among the blobs: the list's blocks first, then where its chunks lie, then the
 * name, together with `writes`.
 */
export const nameBlob = async (
  components: NamingComponents,
  file: { path: string; size: number },
  described: DescribedBlob,
  writes: readonly Write[] = [],
): Promise<IngestedBlob> => {
  const { index, blobs, blocks, chunks } = components
  const { sha256, gitOid, list, lengths, digests } = described
  const known = list === undefined ? [] : list.blocks
  for (let at = 0; at < known.length; at += BLOCK_GROUP) await blocks.put(known.slice(at, at + BLOCK_GROUP))
  const holder = chunks.takeNumber()
  for (const group of placeChunks(lengths, digests)) await index.note(await chunks.additions(holder, group))
  const listed =
    list === undefined
      ? []
      : [createKnownLists(index).put(listKey(list.cid), { sha256, size: file.size, chunks: lengths.length })]
  await blobs.place({ path: file.path, sha256, holder }, [...writes, ...listed])
  return {
    sha256,
    size: file.size,
    ...(gitOid === undefined ? {} : { gitOid }),
    ...(list === undefined ? {} : { list: list.cid }),
  }
}

/** Writes bytes that are in memory to a file of no name yet, durably, and hands it on; the file is gone when that fails. */
export const withScratchFile = async <T>(
  { layout, space }: NamingComponents,
  bytes: { sha256: Sha256; parts: readonly Uint8Array[]; length: number },
  use: (path: string) => Promise<T>,
): Promise<T> => {
  await space.claim(bytes.length)
  const path = layout.scratch()
  try {
    await onDisk(`blob ${bytes.sha256} cannot be written`, () => writeFile(path, bytes.parts))
    return await use(path)
  } catch (error) {
    await removeFile(path)
    throw error
  }
}

const writeFile = async (path: string, parts: readonly Uint8Array[]): Promise<void> => {
  const file = await open(path, 'wx', 0o600)
  try {
    await writeAll(file, parts, 0)
    await file.datasync()
  } finally {
    await file.close()
  }
}

/** All chunks with their offsets, in groups. */
const placeChunks = function* (lengths: Uint32Array, digests: Uint8Array): Iterable<NewChunk[]> {
  let offset = 0
  for (let from = 0; from < lengths.length; from += GROUP) {
    const group: NewChunk[] = []
    for (const [index, length] of lengths.subarray(from, from + GROUP).entries()) {
      const at = (from + index) * 32
      group.push({ digest: digests.subarray(at, at + 32), offset, length })
      offset += length
    }
    yield group
  }
}
