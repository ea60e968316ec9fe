import { constants } from 'node:fs'
import { type FileHandle, copyFile, open } from 'node:fs/promises'
import { type BlobStore, type IngestedBlob, MAX_CHUNK_BYTES, MIB, MeshError, orAbort } from '@hubmesh/content'
import { errnoOf, onDisk, readFully, removeFile, writeAll } from '../disk.ts'
import type { DescribedBlob } from '../hashing/described-blob.ts'
import type { HashJob } from '../hashing/pool.ts'
import { nameBlob } from '../name-blob.ts'
import { describeBytes, nameBytesInMemory } from './small-ingest.ts'
import type { IngestComponents } from './staged-ingest.ts'

/** Bytes that are copied at a time. */
const COPY_BYTES = 4 * MIB
/** What file systems answer that cannot share bytes between two files, or not between these. */
const NO_REFLINK = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY', 'EPERM', 'EBADF'])

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
    const { size, described } = await copyAndDescribe(components, { path, copy }, options)
    return await nameBlob(components, { path: copy, size }, described)
  } catch (error) {
    await removeFile(copy)
    throw error
  }
}

/** The pass follows the copy, and the disk takes it meanwhile. */
const copyAndDescribe = async (
  { hashes, space }: IngestComponents,
  { path, copy }: { path: string; copy: string },
  { gitOid, signal, onProgress }: Options,
): Promise<{ size: number; described: DescribedBlob }> =>
  onDisk(`${path} cannot be copied`, async () => {
    const isCloned = await cloneFile(path, copy)
    const [source, target] = isCloned ? await openBoth(copy, copy, 'r') : await openBoth(path, copy, 'wx')
    let job: HashJob<DescribedBlob> | undefined
    try {
      const { size } = await source.stat()
      if (!isCloned) await space.claim(size)
      job = hashes.describe({ path: copy, size }, { gitOid, onProgress })
      if (!isCloned) await copyBytes({ source, target, size }, signal, job.advance)
      job.advance(size)
      await target.datasync()
      return { size, described: await orAbort(job.result, signal) }
    } finally {
      job?.cancel()
      await source.close()
      await target.close()
    }
  })

/** A reflink: at once, and without a byte more on the disk. False where the file system has none. */
const cloneFile = async (path: string, copy: string): Promise<boolean> => {
  try {
    await copyFile(path, copy, constants.COPYFILE_FICLONE_FORCE)
    return true
  } catch (error) {
    if (!NO_REFLINK.has(errnoOf(error) ?? '')) throw error
    return false
  }
}

const openBoth = async (source: string, target: string, mode: 'r' | 'wx'): Promise<[FileHandle, FileHandle]> => {
  const first = await open(source, 'r')
  try {
    return [first, await open(target, mode, 0o600)]
  } catch (error) {
    await first.close()
    throw error
  }
}

/** Copies exactly so many bytes: a file that grows meanwhile is taken as it was, one that shrinks is refused. */
const copyBytes = async (
  { source, target, size }: { source: FileHandle; target: FileHandle; size: number },
  signal: AbortSignal,
  onCopied: (end: number) => void,
): Promise<void> => {
  const buffer = new Uint8Array(COPY_BYTES)
  for (let at = 0; at < size;) {
    signal.throwIfAborted()
    const read = await readFully(source, buffer.subarray(0, Math.min(buffer.length, size - at)), at)
    if (read === 0) throw new MeshError('io', 'the file became shorter while it was read')
    await writeAll(target, [buffer.subarray(0, read)], at)
    at += read
    onCopied(at)
  }
}
