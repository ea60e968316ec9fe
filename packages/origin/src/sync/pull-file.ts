import {
  type BlobHandle,
  type BlobStore,
  type ByteRange,
  EMPTY_SHA256,
  type Ingest,
  KIB,
  type Log,
  MIB,
  MeshError,
  type VerifiedBytes,
  gitBlobOid,
  isMeshError,
  nameBytes,
  verify,
} from '@hubmesh/content'
import { type Downloads, type Sink } from '../download/download.ts'
import { type RemoteFile, describeFile } from '../download/locate.ts'
import { type Slots, createKeyedSlots, createSlots } from '../http/parallel.ts'
import { type FileContent, contentKey } from './contents.ts'

interface PullFileOptions {
  readonly signal: AbortSignal
  /** Bytes that are newly here; negative where bad ones were thrown away. */
  readonly onBytes: (bytes: number) => void
}

export type PullFile = (file: RemoteFile, options: PullFileOptions) => Promise<FileContent>

/** At once, over all repos. A large file has several connections for itself. */
const LARGE_FILES = 4
const SMALL_FILES = 16
const LARGE_FROM_BYTES = 8 * MIB
/** The chunker's least length: whatever is not longer is one chunk, and goes into the store as such. */
const ONE_CHUNK_BYTES = 64 * KIB
const COPY_BYTES = MIB

/**
 * Brings the bytes of one file into the store, held against the Hub's oid. Bad bytes are fetched once more from scratch.
 * What an earlier attempt has brought is not fetched again.
 * @throws MeshError `bad-bytes` when upstream sent bad bytes twice, `no-space`, and as Downloads
 */
export const createPullFile = (components: { blobs: BlobStore; downloads: Downloads; log: Log }): PullFile => {
  const { blobs, downloads, log } = components
  const large = createSlots(LARGE_FILES)
  const small = createSlots(SMALL_FILES)
  /** Two repos may want the same bytes at the same time: the second finds them here. */
  const contents = createKeyedSlots()

  const pullOnce: PullFile = async (file, options) => {
    if (file.size === 0) return requireEmpty(file)
    if (file.size <= ONE_CHUNK_BYTES) return pullSmall(file, options)
    const ingest = await blobs.ingest({ key: contentKey(file), size: file.size, expect: expected(file) })
    try {
      return await fill(file, ingest, options)
    } finally {
      await ingest.close()
    }
  }

  const pullSmall: PullFile = async (file, { signal, onBytes }) => {
    const bytes = new Uint8Array(file.size)
    await downloads.fetch(file, bufferSink(bytes), signal)
    const verified = proveSmall(file, bytes)
    await blobs.putBlob(verified)
    onBytes(file.size)
    return { sha256: verified.sha256 }
  }

  const fill = async (file: RemoteFile, ingest: Ingest, { signal, onBytes }: PullFileOptions): Promise<FileContent> => {
    const missing = ingest.missing().reduce((sum, { start, end }) => sum + end - start, 0)
    let written = file.size - missing
    onBytes(written)
    const sink: Sink = {
      missing: () => ingest.missing(),
      write: async (offset, bytes) => {
        await ingest.write(offset, bytes)
        written += bytes.length
        onBytes(bytes.length)
      },
    }
    try {
      const blob = file.lfs === undefined ? undefined : await blobs.open(file.lfs.oid)
      await (blob === undefined ? downloads.fetch(file, sink, signal) : copyBlob(blob, sink, signal))
      const { sha256, list } = await ingest.finish(signal)
      return { sha256, list }
    } catch (error) {
      onBytes(-written)
      throw error
    }
  }

  const pullTwice: PullFile = async (file, options) => {
    try {
      return await pullOnce(file, options)
    } catch (error) {
      if (!isMeshError(error, 'bad-bytes')) throw error
      log.warn({ file: describeFile(file), reason: error.message }, 'upstream sent bad bytes: once more')
    }
    try {
      return await pullOnce(file, options)
    } catch (cause) {
      if (!isMeshError(cause, 'bad-bytes')) throw cause
      throw new MeshError('bad-bytes', `upstream sent bad bytes twice for ${describeFile(file)}: ${cause.message}`, {
        hint: 'nothing of this revision was published; it is tried again later',
        cause,
      })
    }
  }

  return (file, options) => {
    const { signal } = options
    const slots: Slots = file.size >= LARGE_FROM_BYTES ? large : small
    return contents.run(contentKey(file), () => slots.run(() => pullTwice(file, options), signal), signal)
  }
}

const expected = (file: RemoteFile) => (file.lfs === undefined ? { gitOid: file.oid } : { sha256: file.lfs.oid })

const requireEmpty = (file: RemoteFile): FileContent => {
  proveSmall(file, new Uint8Array())
  return { sha256: EMPTY_SHA256 }
}

/** @throws MeshError `bad-bytes` */
const proveSmall = (file: RemoteFile, bytes: Uint8Array): VerifiedBytes => {
  if (file.lfs !== undefined) return verify([bytes], file.lfs.oid)
  if (gitBlobOid(bytes) !== file.oid) throw new MeshError('bad-bytes', `bytes are not the git blob ${file.oid}`)
  return nameBytes(bytes)
}

const bufferSink = (buffer: Uint8Array): Sink => ({
  missing: () => [{ start: 0, end: buffer.length }],
  write: async (offset, bytes) => buffer.set(bytes, offset),
})

/** The whole blob is here, by way of another repo or another publisher: only its chunk list has to be made. */
const copyBlob = async (blob: BlobHandle, sink: Sink, signal: AbortSignal): Promise<void> => {
  try {
    for (const range of sink.missing()) await copyRange(blob, { range, sink, signal })
  } finally {
    await blob.close()
  }
}

const copyRange = async (
  blob: BlobHandle,
  { range, sink, signal }: { range: ByteRange; sink: Sink; signal: AbortSignal },
): Promise<void> => {
  for (let at = range.start; at < range.end;) {
    signal.throwIfAborted()
    const buffer = new Uint8Array(Math.min(COPY_BYTES, range.end - at))
    const length = await blob.readInto(at, buffer)
    if (length === 0) throw new MeshError('bad-bytes', 'a blob became shorter while it was read')
    await sink.write(at, buffer.subarray(0, length))
    at += length
  }
}
