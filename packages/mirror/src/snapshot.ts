import {
  type BlobHandle,
  type BlobStore,
  type ByteRange,
  type ByteSource,
  type ChunkSource,
  type Cid,
  type FileBody,
  type FileEntry,
  MeshError,
  type Meter,
  type Snapshot,
  type Swarm,
} from '@hubmesh/content'
import type { OpenChunks, Wanted } from './chunks.ts'
import { type Limits, READ_BYTES } from './limits.ts'
import { type Pace, readRange } from './read.ts'
import { type Resolved, siteRefOf } from './resolve.ts'
import type { Site } from './site.ts'
import type { Warm } from './warm.ts'

export interface SnapshotComponents {
  readonly blobs: BlobStore
  readonly site: Site
  readonly openChunks: OpenChunks
  readonly provide: (manifest: Cid) => void
  readonly warm: Warm
  readonly pace: Pace
  readonly source: ChunkSource
  readonly swarm: Swarm
  readonly meter: Meter
  readonly limits: Limits
  /** Ends with the library. */
  readonly signal: AbortSignal
  readonly onWarmFailure: (error: unknown) => void
}

/** One repo at one commit, as the gateway reads it. */
export const createSnapshot = (components: SnapshotComponents, resolved: Resolved): Snapshot => {
  const { accepted, target } = resolved
  const { manifest, cid } = accepted
  const wantedOf = async (file: FileEntry, signal: AbortSignal): Promise<Wanted> => ({
    repo: manifest.repo,
    revision: manifest.revision,
    manifest: cid,
    listing: await accepted.listing(signal),
    file,
  })

  const hold = (file: FileEntry): void =>
    components.site.read(manifest.repo, file.path, { names: resolved.names, at: siteRefOf(target, resolved.since) })

  return {
    repo: manifest.repo,
    revision: manifest.revision,
    cid,
    manifest,
    publisher: resolved.publisher,
    stale: resolved.stale,
    since: resolved.since,
    entries: async ({ signal }) => (await accepted.listing(signal)).entries,
    entry: async (path, { signal }) => (await accepted.listing(signal)).byPath.get(path),
    open: async (file, { signal }) => {
      hold(file)
      const blob = await components.blobs.open(file.sha256)
      if (signal.aborted) await blob?.close()
      signal.throwIfAborted()
      if (blob === undefined) return coldBody(components, file, (signal) => wantedOf(file, signal))
      components.provide(cid)
      return {
        size: file.size,
        source: 'local',
        blob,
        read: (range, { signal }) => readBlob(blob, range, signal),
        close: () => blob.close(),
      }
    },
    source: async (file) => ((await components.blobs.has(file.sha256)) ? 'local' : farthest(components)),
    warm: (file) => {
      wantedOf(file, components.signal).then(components.warm, components.onWarmFailure)
    },
  }
}

/** Where what is not here comes from at worst; nobody in sight is as far as any other peer. */
const farthest = ({ swarm }: SnapshotComponents): ByteSource => swarm.farthest() ?? 'peer'

const coldBody = (
  components: SnapshotComponents,
  file: FileEntry,
  wanted: (signal: AbortSignal) => Promise<Wanted>,
): FileBody => {
  const leaving = new AbortController()
  const open = async (signal: AbortSignal) => components.openChunks(await wanted(signal), signal)
  return {
    size: file.size,
    source: farthest(components),
    read: (range, { signal, rate }) => {
      const reading = AbortSignal.any([signal, leaving.signal, components.signal])
      return readRange(open, range, { ...components, rate, signal: reading })
    },
    close: async () => leaving.abort(new Error('the file was closed')),
  }
}

/** For readers that do not read the blob by themselves. */
async function* readBlob(blob: BlobHandle, { start, end }: ByteRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end;) {
    signal.throwIfAborted()
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end - at))
    const count = await blob.readInto(at, buffer)
    if (count === 0) throw new MeshError('io', 'a blob ends before its size')
    at += count
    yield buffer.subarray(0, count)
  }
}
