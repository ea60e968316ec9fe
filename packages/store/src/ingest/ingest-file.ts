import { constants } from 'node:fs'
import { copyFile, open } from 'node:fs/promises'
import { type BlobStore, type IngestedBlob, MAX_CHUNK_BYTES } from '@hubmesh/content'
import { onDisk, readFully, removeFile } from '../disk.ts'
import { nameBlob } from '../name-blob.ts'
import { untilAborted } from '../until-aborted.ts'
import { describeBytes, nameBytesInMemory } from './small-ingest.ts'
import type { IngestComponents } from './staged-ingest.ts'

type Options = Parameters<BlobStore['ingestFile']>[1]

/** Ingests a local file that others may change meanwhile: what is hashed is a copy of our own. */
export const ingestFile = async (
  components: IngestComponents,
  path: string,
  options: Options,
): Promise<IngestedBlob> => {
  options.signal.throwIfAborted()
  const small = await onDisk(`${path} cannot be read`, () => readSmall(path))
  if (small === undefined) return ingestLarge(components, path, options)
  const blob = await nameBytesInMemory(components, small, describeBytes(small, options.gitOid))
  options.onProgress?.(small.length)
  return blob
}

/** All of a file of at most one chunk's size; undefined for a larger one. */
const readSmall = async (path: string): Promise<Uint8Array | undefined> => {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size > MAX_CHUNK_BYTES) return undefined
    const buffer = new Uint8Array(MAX_CHUNK_BYTES + 1) // a byte more: it may have grown
    const read = await readFully(file, buffer, 0)
    return read > MAX_CHUNK_BYTES ? undefined : buffer.slice(0, read)
  } finally {
    await file.close()
  }
}

const ingestLarge = async (components: IngestComponents, path: string, options: Options): Promise<IngestedBlob> => {
  const copy = components.layout.scratch()
  try {
    const size = await onDisk(`${path} cannot be copied`, () => copyInto(components, path, copy))
    const described = await describeCopy(components, { path: copy, size }, options)
    return await nameBlob(components, { path: copy, size }, described)
  } catch (error) {
    await removeFile(copy)
    throw error
  }
}

/** A reflink where the file system can. Resolves with the copy's size. */
const copyInto = async ({ space }: IngestComponents, path: string, copy: string): Promise<number> => {
  const source = await open(path, 'r')
  try {
    await space.claim((await source.stat()).size)
  } finally {
    await source.close()
  }
  await copyFile(path, copy, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
  const file = await open(copy, 'r')
  try {
    return (await file.stat()).size
  } finally {
    await file.close()
  }
}

/** The pass over the copy, while the disk takes it. */
const describeCopy = async (
  { hashes }: IngestComponents,
  file: { path: string; size: number },
  { gitOid, signal, onProgress }: Options,
) => {
  const job = hashes.describe(file, { gitOid, onProgress })
  job.advance(file.size)
  try {
    const [described] = await Promise.all([
      untilAborted(job.result, signal),
      onDisk('a copy cannot be synced', () => sync(file.path)),
    ])
    return described
  } finally {
    job.cancel()
  }
}

const sync = async (path: string): Promise<void> => {
  const file = await open(path, 'r')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}
