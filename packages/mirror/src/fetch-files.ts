import { type FileEntry, MeshError, type Priority, type Swarm, orAbort } from '@hubmesh/content'
import { type Budget, forEachBounded } from './bounded.ts'
import type { BlobChunks, OpenChunks, Wanted } from './chunks.ts'
import { FETCH_CHUNKS, FETCH_LISTS, FETCH_SINGLES, MAX_READ_ATTEMPTS } from './limits.ts'
import { untilReady } from './waits.ts'

interface FetchOptions {
  readonly priority: Priority
  readonly signal: AbortSignal
  /** Bytes of a file that are here now, in as many calls as it takes. */
  readonly onBytes?: (bytes: number) => void
  readonly onFile?: (file: FileEntry) => void
}

/** Fetches whole files until they are blobs of this store. Waits while nobody has them, until the signal ends. */
export type FetchFiles = (
  revision: Omit<Wanted, 'file'>,
  files: readonly FileEntry[],
  options: FetchOptions,
) => Promise<void>

interface Components {
  readonly open: OpenChunks
  readonly has: (file: FileEntry) => Promise<boolean>
  readonly swarm: Swarm
  readonly budget: Budget
}

export const createFetchFiles = (components: Components): FetchFiles => {
  const fetchFile = async (wanted: Wanted, options: FetchOptions): Promise<void> => {
    const { file } = wanted
    if (file.size > 0 && !(await components.has(file))) await fetchMissing(components, wanted, options)
    else options.onBytes?.(file.size)
    options.onFile?.(file)
  }
  return async (revision, files, options) => {
    const fetchEach = async (files: readonly FileEntry[], width: number, signal: AbortSignal): Promise<void> =>
      forEachBounded(files, { width, signal }, (file, signal) =>
        fetchFile({ ...revision, file }, { ...options, signal }),
      )
    const lists = files.filter((file) => file.list !== undefined)
    const singles = files.filter((file) => file.list === undefined)
    const kinds = [
      { files: lists, width: FETCH_LISTS },
      { files: singles, width: FETCH_SINGLES },
    ]
    await forEachBounded(kinds, { width: kinds.length, signal: options.signal }, ({ files, width }, signal) =>
      fetchEach(files, width, signal),
    )
  }
}

const fetchMissing = async (components: Components, wanted: Wanted, options: FetchOptions): Promise<void> => {
  const { swarm, open } = components
  const { signal } = options
  const chunks = await untilReady(() => open(wanted, signal), { swarm, signal })
  try {
    const indexes = Array.from({ length: chunks.count }, (_, index) => index)
    for (let attempt = 0; attempt < MAX_READ_ATTEMPTS; attempt += 1) {
      await forEachBounded(indexes, { width: FETCH_CHUNKS, signal }, async (index, signal) => {
        const length = await fetchChunk(components, { chunks, index }, { ...options, signal })
        options.onBytes?.(attempt === 0 ? length : 0)
      })
      if (await chunks.confirmed(signal)) return
    }
    throw new MeshError('io', `the chunks of ${wanted.file.path} do not stay on the disk`)
  } finally {
    chunks.close()
  }
}

/** @returns its length */
const fetchChunk = async (
  { swarm, budget }: Components,
  { chunks, index }: { chunks: BlobChunks; index: number },
  { priority, signal }: FetchOptions,
): Promise<number> => {
  const { length } = await untilReady(() => chunks.want(index), { swarm, signal })
  if (!chunks.has(index)) {
    const giveBack = await budget.take(length, signal)
    try {
      const lease = await chunks.ask(index, priority)
      await orAbort(lease.stored, signal).finally(() => lease.release())
    } finally {
      giveBack()
    }
  }
  return length
}
