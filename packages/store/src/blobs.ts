import {
  type BlobStore,
  EMPTY_SHA256,
  type Ingest,
  type IngestPlan,
  MAX_CHUNK_BYTES,
  MAX_FILE_BYTES,
  MeshError,
  type Meter,
  type Sha256,
  type VerifiedBytes,
  nameBytes,
  sha256Bytes,
} from '@hubmesh/content'
import { ingestFile } from './ingest/ingest-file.ts'
import { createSmallIngest } from './ingest/small-ingest.ts'
import { type IngestComponents, openStagedIngest } from './ingest/staged-ingest.ts'
import { nameBlob, withScratchFile } from './name-blob.ts'
import type { LocalChunks } from './partial/local-chunks.ts'
import type { Partials } from './partial/partials.ts'

interface Components extends IngestComponents {
  readonly partials: Partials
  readonly local: LocalChunks
  readonly meter: Meter
}

export const createBlobStore = (components: Components, { quota }: { quota: number | undefined }): BlobStore => {
  const { blobs, chunks, partials, local, meter } = components
  const ingests = new Map<string, Promise<Ingest>>()

  const has = (sha256: Sha256): boolean => sha256 === EMPTY_SHA256 || blobs.has(sha256)

  const putBlob = async (bytes: VerifiedBytes): Promise<void> => {
    if (bytes.length > MAX_CHUNK_BYTES) throw new MeshError('bad-input', 'a blob of over one chunk needs a chunk list')
    if (blobs.has(bytes.sha256)) return
    const lengths = Uint32Array.from(bytes.length === 0 ? [] : [bytes.length])
    const described = { sha256: bytes.sha256, lengths, digests: sha256Bytes(bytes.sha256) }
    await withScratchFile(components, bytes, (path) => nameBlob(components, { path, size: bytes.length }, described))
  }

  const chunk = async (sha256: Sha256): Promise<VerifiedBytes | undefined> => {
    if (sha256 === EMPTY_SHA256) return nameBytes(new Uint8Array())
    const digest = sha256Bytes(sha256)
    const [place] = await chunks.find([digest])
    if (place === undefined) return undefined
    const wanted = [{ index: 0, digest, length: place.length }]
    for await (const { bytes } of local.read(wanted, new AbortController().signal)) return bytes
    return undefined
  }

  const adoptBlob = async (sha256: Sha256): Promise<boolean> => {
    if (has(sha256)) return true
    const bytes = await chunk(sha256)
    if (bytes === undefined) return false
    await putBlob(bytes)
    meter.add('localBytes', bytes.length)
    return true
  }

  const ingest = async (plan: IngestPlan): Promise<Ingest> => {
    if (!Number.isSafeInteger(plan.size) || plan.size < 0 || plan.size > MAX_FILE_BYTES)
      throw new MeshError('bad-input', `a file of ${plan.size} bytes cannot be stored`)
    if (plan.size <= MAX_CHUNK_BYTES) return createSmallIngest(components, plan)
    return openOnce(plan)
  }

  /** Two who wrote the same staging would not know of each other's bytes. */
  const openOnce = async (plan: IngestPlan): Promise<Ingest> => {
    if (ingests.has(plan.key)) throw new MeshError('busy', `${plan.key} is being ingested already`)
    const opening = openStagedIngest(components, plan)
    ingests.set(plan.key, opening)
    try {
      const opened = await opening
      const close = async (): Promise<void> => {
        try {
          await opened.close()
        } finally {
          if (ingests.get(plan.key) === opening) ingests.delete(plan.key)
        }
      }
      return { ...opened, close }
    } catch (error) {
      ingests.delete(plan.key)
      throw error
    }
  }

  return {
    has: async (sha256) => has(sha256),
    open: async (sha256) => {
      if (sha256 === EMPTY_SHA256) await putBlob(nameBytes(new Uint8Array())) // it is there without having come
      return blobs.open(sha256)
    },
    putBlob,
    chunk,
    adoptBlob,
    openPartial: (plan) => partials.open(plan),
    ingest,
    ingestFile: (path, options) => ingestFile(components, path, options),
    usage: () => ({ ...blobs.usage(), quota: quota ?? null }),
    close: async () => {
      const left = await Promise.allSettled(ingests.values())
      const ended = left.map((ingest) => (ingest.status === 'fulfilled' ? ingest.value.close() : undefined))
      for (const one of await Promise.allSettled([...ended, partials.close()]))
        if (one.status === 'rejected') throw one.reason
    },
  }
}
