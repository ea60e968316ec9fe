import { type ByteRange, type Log, MIB, type Meter, MeshError, createTokenBucket, wholeRange } from '@hubmesh/content'
import { type Slots, createSlots, forEachLimited } from '../http/parallel.ts'
import { type BackOff, MAX_PATIENCE_MS, isTransient, sleep, waitMs } from '../http/retry.ts'
import type { Reply, Transport } from '../http/transport.ts'
import { type OpenFile, type RemoteFile, createLocator, describeFile } from './locate.ts'

/** Where bytes go. An `Ingest` is one. */
export interface Sink {
  missing(): ByteRange[]
  write(offset: number, bytes: Uint8Array): Promise<void>
}

export interface Downloads {
  /**
   * Fetches what the sink misses. Nothing of it is verified yet but its length.
   * @throws MeshError `unreachable` or `busy` after several tries without progress, `gated`, `denied`, `entry-not-found`,
   *   `bad-bytes` for a file of another size than was listed
   */
  fetch(file: RemoteFile, sink: Sink, signal: AbortSignal): Promise<void>
}

export interface DownloadOptions {
  /** At once, over all files. */
  readonly connections: number
  readonly backOff: BackOff
  /** Bytes a second of all together, asked for each piece. @default not capped */
  readonly cap?: (() => number | undefined) | undefined
  /** What one request asks for of a large file. @default 16 MiB */
  readonly segmentBytes?: number | undefined
}

const SEGMENT_BYTES = 16 * MIB
/** What a cap lets through at once, in milliseconds of it. */
const BURST_MS = 100
/** Failures in a row, each without progress to speak of. */
const TRIES = 6
/** Less than this between two failures counts as none. */
const PROGRESS_BYTES = 64 * 1024

export const createDownloads = (
  { transport, meter, log }: { transport: Transport; meter: Meter; log: Log },
  { connections, backOff, cap = () => undefined, segmentBytes = SEGMENT_BYTES }: DownloadOptions,
): Downloads => {
  const slots: Slots = createSlots(connections)
  const bucket = createTokenBucket(BURST_MS)

  /** In order of asking. Who reads no further lets the sockets fill up, and that holds the other side back. */
  const pace = async (bytes: number, signal: AbortSignal): Promise<void> => {
    const rate = cap()
    const due = rate === undefined ? 0 : bucket.take(bytes, rate, performance.now())
    if (due > 0) await sleep(due, signal)
  }

  /** One request. Moves the cursor, so that the next one goes on from there. */
  const read = async (pull: Pull, cursor: Cursor, signal: AbortSignal): Promise<void> => {
    const { file, sink } = pull
    const isWhole = cursor.at === 0 && cursor.end === file.size
    const reply = await pull.open(isWhole ? undefined : `bytes=${cursor.at}-${cursor.end - 1}`, signal)
    await requireFitting(reply, pull, cursor)
    for await (const bytes of reply.body) {
      meter.add('upstreamBytes', bytes.length)
      await pace(bytes.length, signal)
      if (cursor.at + bytes.length > cursor.end) throw wrongSize(file, 'upstream sends more bytes than it listed')
      await sink.write(cursor.at, bytes)
      cursor.at += bytes.length
    }
    if (cursor.at < cursor.end) throw new MeshError('unreachable', `upstream broke off ${describeFile(file)}`)
  }

  /** As many requests as it takes. */
  const fetchRange = async (pull: Pull, { start, end }: ByteRange, signal: AbortSignal): Promise<void> => {
    const cursor: Cursor = { start, at: start, end }
    for (let failures = 0; ;) {
      const before = cursor.at
      try {
        return await slots.run(() => read(pull, cursor, signal), signal)
      } catch (error) {
        signal.throwIfAborted()
        failures = cursor.at - before >= PROGRESS_BYTES ? 1 : failures + 1
        const wait = waitMs(error, failures, backOff)
        if (!isTransient(error) || failures >= TRIES || wait > MAX_PATIENCE_MS) throw error
        log.debug({ file: describeFile(pull.file), at: cursor.at, failures, error }, 'a download broke off, again')
        await sleep(wait, signal)
      }
    }
  }

  return {
    fetch: async (file, sink, signal) => {
      const pull = { file, sink, open: createLocator(transport, file) }
      const segments = sink.missing().flatMap((range) => segmentsOf(range, segmentBytes))
      try {
        await forEachLimited(segments, { limit: connections, signal }, (segment, signal) =>
          fetchRange(pull, segment, signal),
        )
      } catch (error) {
        if (!(error instanceof RangeIgnored)) throw error
        await fetchRange(pull, wholeRange(file.size), signal)
      }
    },
  }
}

interface Pull {
  readonly file: RemoteFile
  readonly sink: Sink
  readonly open: OpenFile
}

interface Cursor {
  readonly start: number
  at: number
  readonly end: number
}

/** The server does not serve ranges: the whole file has to come in one answer. */
class RangeIgnored extends Error {}

/** Holds the answer's headers against what was asked for; the whole file as an answer to a range means to start over. */
const requireFitting = async (reply: Reply, { file }: Pull, cursor: Cursor): Promise<void> => {
  const fault = findFault(reply, file, cursor)
  if (fault === undefined) return
  await reply.discard()
  throw fault
}

const findFault = (reply: Reply, file: RemoteFile, cursor: Cursor): Error | undefined => {
  const encoding = reply.header('content-encoding') ?? 'identity'
  if (encoding !== 'identity') return wrongSize(file, `upstream sends it as ${encoding}`)
  if (reply.status === 206) {
    const [, start, size] = /^bytes (\d+)-\d+\/(\d+)$/.exec(reply.header('content-range') ?? '') ?? []
    const fits = Number(start) === cursor.at && Number(size) === file.size
    return fits ? undefined : wrongSize(file, 'upstream sends another range, or of another size, than was asked for')
  }
  const length = reply.header('content-length')
  if (length !== undefined && Number(length) !== file.size)
    return wrongSize(file, 'its size is another than upstream listed')
  if (cursor.start > 0 || cursor.end < file.size) return new RangeIgnored()
  cursor.at = 0
  return undefined
}

const wrongSize = (file: RemoteFile, reason: string): MeshError =>
  new MeshError('bad-bytes', `${describeFile(file)} is refused: ${reason}`)

const segmentsOf = ({ start, end }: ByteRange, bytes: number): ByteRange[] =>
  Array.from({ length: Math.ceil((end - start) / bytes) }, (_, index) => {
    const at = start + index * bytes
    return { start: at, end: Math.min(at + bytes, end) }
  })
