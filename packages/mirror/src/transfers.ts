import {
  type BlobStore,
  type ChunkSource,
  type Cid,
  type Log,
  MeshError,
  type PartialBlob,
  type TransferStatus,
  isMeshError,
  repoKey,
} from '@hubmesh/content'
import { RefusedError } from '@hubmesh/trust'
import type { Blocks } from './blocks.ts'
import type { BlobChunks, Wanted } from './chunks.ts'
import type { ChunkJob, Flights, Lease } from './flights.ts'
import { type Layout, openLayout } from './layout.ts'
import { ADOPT_BATCH, LOOK_AGAIN_MS, MAX_SOURCES } from './limits.ts'
import { subjectOf } from './manifests.ts'
import { createRate } from './rate.ts'
import type { Refusals } from './refusals.ts'
import { createShared, within } from './waits.ts'

/** Blobs of many chunks on their way here, each shared by all who want it. */
export interface Transfers {
  /** @throws MeshError `not-ready`, `bad-bytes`, `no-space` */
  open(wanted: Wanted & { list: Cid }, signal: AbortSignal): Promise<BlobChunks>
  status(): TransferStatus[]
  /** Bytes that are here of a list that is on its way; 0 for all others. */
  done(list: Cid): number
  /** Closes all, whoever still reads. */
  stop(): Promise<void>
}

interface Components {
  readonly blobs: BlobStore
  readonly blocks: Blocks
  readonly flights: Flights
  readonly source: Pick<ChunkSource, 'prepare'>
  readonly refusals: Refusals
  readonly provide: (manifest: Cid) => void
  readonly log: Log
}

interface Transfer {
  readonly chunks: Omit<BlobChunks, 'close'>
  wanted: Wanted
  users: number
  close(): Promise<void>
  bytesDone(): number
  status(): TransferStatus
}

/** @param signal of the library's life: ends the fetching of pages and the copying from other blobs */
export const createTransfers = (components: Components, signal: AbortSignal): Transfers => {
  const open = new Map<Cid, Transfer>()
  const opening = createShared<Transfer>()

  const begin = async (wanted: Wanted, list: Cid): Promise<Transfer> => {
    const { file } = wanted
    components.source.prepare(list) // while the list comes, peers tell what they have of it
    const layout = await openLayout(components.blocks, { list, size: file.size }, signal)
    const { page, chunks } = layout
    const partial = await components.blobs.openPartial({ list, sha256: file.sha256, size: file.size, chunks, page })
    const transfer = startTransfer({ ...components, layout, partial, signal }, wanted, () => {
      if (open.get(list) === transfer) open.delete(list)
    })
    open.set(list, transfer)
    transfer.users = 1 // until those who wait for it have had their turn: they may all have left
    setImmediate(() => release(transfer))
    return transfer
  }
  const handOut = (transfer: Transfer, wanted: Wanted): BlobChunks => {
    let used = true
    transfer.wanted = wanted
    transfer.users += 1
    return {
      ...transfer.chunks,
      close: () => {
        if (!used) return
        used = false
        release(transfer)
      },
    }
  }
  return {
    open: async (wanted, signal) => {
      const { list } = wanted
      const known = open.get(list) ?? (await opening.join(list, signal, () => begin(wanted, list)))
      return handOut(known, wanted)
    },
    status: () => [...open.values()].map((transfer) => transfer.status()),
    done: (list) => open.get(list)?.bytesDone() ?? 0,
    stop: async () => {
      await Promise.all([...open.values()].map((transfer) => transfer.close()))
    },
  }
}

const release = (transfer: Transfer): void => {
  transfer.users -= 1
  if (transfer.users === 0) void transfer.close()
}

const startTransfer = (
  components: Components & { layout: Layout; partial: PartialBlob; signal: AbortSignal },
  first: Wanted,
  onEnd: () => void,
): Transfer => {
  const { layout, partial, flights, provide, log } = components
  const { plan, have } = partial
  const broken = new AbortController()
  const adopted = new Map<number, Promise<void>>()
  const sources = new Set<string>()
  const rate = createRate()
  let closed: Promise<void> | undefined

  partial.finished
    .catch(async (error: unknown) => {
      broken.abort(error)
      onEnd()
      if (!isMeshError(error, 'bad-bytes')) return
      const { file } = transfer.wanted
      const lie = new RefusedError('malformed', '', `the chunk list of ${file.path} is not of the file that it names`)
      await components.refusals.record(lie, { subject: subjectOf(transfer.wanted), from: '' })
    })
    .catch((error: unknown) => log.error({ err: error }, 'a refusal could not be written down'))

  /** Looks once for all chunks around this one in other blobs here. */
  const adoptAround = (index: number): Promise<void> => {
    const batch = Math.floor(index / ADOPT_BATCH)
    const known = adopted.get(batch)
    if (known !== undefined) return known
    const first = batch * ADOPT_BATCH
    const indexes = Array.from({ length: Math.min(ADOPT_BATCH, plan.chunks - first) }, (_, at) => first + at)
    const adopting = partial
      .adopt(
        indexes.filter((at) => !have.has(at)),
        components.signal,
      )
      .then(
        (found) => {
          if (found.length > 0) provide(transfer.wanted.manifest)
        },
        (error: unknown) => log.debug({ err: error, list: plan.list }, 'chunks could not be copied from other blobs'),
      )
    adopted.set(batch, adopting)
    return adopting
  }

  const want: BlobChunks['want'] = async (index) => {
    const chunk = await layout.chunk(index)
    return { ...chunk, manifest: transfer.wanted.manifest, set: plan.list }
  }
  const jobOf = async (index: number): Promise<ChunkJob> => ({
    key: `${plan.list}/${index}`,
    want: await want(index),
    find: async () => {
      if (!have.has(index)) await adoptAround(index)
      return have.has(index)
    },
    store: async ({ bytes, from }) => {
      if (sources.size < MAX_SOURCES) sources.add(from)
      rate.add(bytes.length)
      await partial.putChunk(index, bytes)
      provide(transfer.wanted.manifest)
    },
  })
  const ask: BlobChunks['ask'] = async (index, priority, dueMs) => {
    transfer.users += 1 // the flight may outlive whoever asked
    let lease: Lease
    try {
      const job = await jobOf(index)
      broken.signal.throwIfAborted()
      if (closed !== undefined) throw new MeshError('bad-input', 'chunks of a file that was closed were asked for')
      lease = flights.ask(job, priority, dueMs)
    } catch (error) {
      release(transfer)
      throw error
    }
    void lease.ended.then(() => release(transfer))
    return lease
  }

  // All chunks but the last are of about one size: exact where it matters, at the end.
  const bytesDone = (): number => (have.complete ? plan.size : Math.floor((plan.size / plan.chunks) * have.count))
  const status = (): TransferStatus => {
    const [done, perSecond] = [bytesDone(), rate.perSecond()]
    return {
      repo: repoKey(transfer.wanted.repo),
      path: transfer.wanted.file.path,
      bytes: plan.size,
      done,
      rate: perSecond,
      etaSeconds: perSecond > 0 ? Math.ceil((plan.size - done) / perSecond) : null,
      sources: [...sources],
    }
  }

  const transfer: Transfer = {
    chunks: {
      count: plan.chunks,
      locate: (offset) => layout.locate(offset),
      want,
      has: (index) => have.has(index),
      ask,
      stored: async (index) => (await partial.readChunk(index))?.parts,
      confirmed: async (signal) => {
        const whole = () => partial.finished.then(() => true)
        while (have.complete) if (await within(whole(), LOOK_AGAIN_MS, signal)) return true
        return false
      },
      broken: broken.signal,
    },
    wanted: first,
    users: 0,
    close: () => {
      onEnd()
      return (closed ??= partial
        .close()
        .catch((error: unknown) => log.error({ err: error, list: plan.list }, 'a partial did not close')))
    },
    bytesDone,
    status,
  }
  return transfer
}
