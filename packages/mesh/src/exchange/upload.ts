import { type ChunkShelf, type Log, type MeshError, isMeshError } from '@hubmesh/content'
import {
  type Refusal,
  type Request,
  WIRE_PRIORITIES,
  type WirePriority,
  encodeMessage,
  priorityOf,
} from './messages.ts'
import type { Outbox } from './outbox.ts'
import type { RateCaps } from './rate-caps.ts'
import { refuse } from './refuse.ts'
import type { Turn, UploadSlots, Uploader } from './upload-slots.ts'

export type ChunkRequest = Extract<Request, { type: 'chunk' }>

export interface UploadComponents {
  readonly shelf: ChunkShelf
  readonly outbox: Outbox
  readonly slots: UploadSlots
  readonly caps: RateCaps
  readonly log: Log
  readonly peerId: string
  /** The asker stands at another site. */
  readonly otherSite: () => boolean
  readonly onUpload: (bytes: number) => void
  /** A request has left the queue. */
  readonly onRoom: () => void
  /** The stream is of no more use. */
  readonly onFailure: (error: unknown) => void
  /** The asker takes next to nothing, and others wait. */
  readonly onStall: () => void
}

/** The chunks that are asked for on one stream: the most urgent first, then in order. */
export interface Upload {
  take(request: ChunkRequest): void
  /** False when there is no such request. */
  cancel(id: number): boolean
  queued(): number
  /** Resolves when nothing is queued. */
  idle(): Promise<void>
  close(): void
}

export const createUpload = (components: UploadComponents): Upload => {
  const { shelf, outbox, slots, caps, peerId, otherSite, onUpload, onRoom, onFailure, onStall } = components
  const queue: ChunkRequest[] = []
  let working: Promise<void> | undefined

  const take = (request: ChunkRequest): void => {
    queue.push(request)
    working ??= work()
  }

  const work = async (): Promise<void> => {
    try {
      while (queue.length > 0) {
        const turn = await slots.enter(uploader).catch(refuseAll)
        if (turn !== undefined) await use(turn)
      }
    } catch (error) {
      onFailure(error)
    } finally {
      working = undefined
    }
  }

  const use = async (turn: Turn): Promise<void> => {
    try {
      for (let request = next(turn); request !== undefined; request = next(turn)) {
        await send(request, turn)
        if (queue.length === 0) await outbox.drained(() => queue.length > 0) // more may be asked for meanwhile
      }
      await outbox.drained()
    } finally {
      outbox.rest()
      turn.end()
    }
  }

  const rank = (): number => Math.min(...queue.map(rankOf), WIRE_PRIORITIES.length - 1)
  const uploader: Uploader = { peerId, rank, queued: outbox.queued, taken: outbox.taken, onStall }

  const next = (turn: Turn): ChunkRequest | undefined => {
    const best = rank()
    const at = turn.over() ? -1 : queue.findIndex((request) => rankOf(request) === best)
    if (at < 0) return undefined
    const [request] = queue.splice(at, 1)
    onRoom()
    return request
  }

  const send = async (request: ChunkRequest, turn: Turn): Promise<void> => {
    const { id } = request
    const buffer = await outbox.buffer()
    const chunk = await read(buffer, request)
    if (!(chunk instanceof Uint8Array)) {
      outbox.giveBack(buffer)
      return refuse(outbox, { id, ...chunk })
    }
    // Who is more urgent cannot overtake on this stream: what is before him goes at his pace.
    const priority = (): WirePriority => WIRE_PRIORITIES[Math.min(rank(), rankOf(request))] ?? 'repair'
    await outbox.sendFrom(buffer, encodeMessage({ type: 'chunk', id }, chunk), caps.paceFor({ priority, otherSite }))
    turn.sent(chunk.length)
    onUpload(chunk.length)
  }

  /** The chunk, or why there is none. */
  const read = async (
    buffer: Uint8Array,
    { set, index }: ChunkRequest,
  ): Promise<Uint8Array | Pick<Refusal, 'reason' | 'retryAfter'>> => {
    try {
      return (await shelf.read(set, index, buffer)) ?? { reason: 'not-found' }
    } catch (error) {
      components.log.warn({ set, index, err: error }, 'a chunk could not be read')
      // Too many files are open: it is here all the same, and need not be fetched from elsewhere for good.
      return isMeshError(error, 'busy')
        ? { reason: 'busy', retryAfter: error.retryAfter ?? 1 }
        : { reason: 'not-found' }
    }
  }

  const refuseAll = async (error: MeshError): Promise<undefined> => {
    if (!isMeshError(error, 'busy')) throw error
    const retryAfter = error.retryAfter ?? 1
    for (const { id } of queue.splice(0)) await refuse(outbox, { id, reason: 'busy', retryAfter })
    onRoom()
  }

  return {
    take,
    cancel: (id) => {
      const at = queue.findIndex((request) => request.id === id)
      if (at >= 0) queue.splice(at, 1)
      return at >= 0
    },
    queued: () => queue.length,
    idle: async () => working,
    close: () => void queue.splice(0),
  }
}

const rankOf = ({ priority }: ChunkRequest): number => WIRE_PRIORITIES.indexOf(priorityOf(priority))
