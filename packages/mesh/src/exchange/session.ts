import {
  type BlockStore,
  type CatalogStore,
  type ChunkShelf,
  type Cid,
  type Log,
  MAX_BLOCK_BYTES,
  MeshError,
} from '@hubmesh/content'
import { BUSY_RETRY_SECONDS, MAX_QUEUED_REQUESTS, MAX_SIGNATURES, MAX_UNSENT_HEADS } from '../limits.ts'
import { type Hello, type Refusal, type Request, encodeMessage, helloMessage } from './messages.ts'
import type { Outbox } from './outbox.ts'
import { createSubscriptions } from './subscriptions.ts'

export interface SessionComponents {
  readonly blocks: BlockStore
  readonly shelf: ChunkShelf
  readonly catalogs: CatalogStore
  readonly outbox: Outbox
  readonly slots: UploadSlots
  readonly hello: Hello
  readonly log: Log
  readonly onUpload: (bytes: number) => void
  readonly onOpen: (set: Cid) => void
  /** The sending half failed: the stream is of no more use. */
  readonly onFailure: (error: unknown) => void
}

/** How many streams may send chunks at a time. */
export interface UploadSlots {
  /** False when there are none left. */
  take(): boolean
  giveBack(): void
}

/** One served stream: its requests in order, answered one after another. */
export interface Session {
  readonly greeted: boolean
  /** Takes a request in; waits while too many are queued. @throws MeshError `bad-bytes` for one that is out of turn */
  take(request: Request): Promise<void>
  pushHead(envelope: Uint8Array): void
  /** Resolves when nothing is queued. */
  idle(): Promise<void>
  close(): void
}

type Job = Extract<Request, { type: 'block' | 'signatures' | 'chunk' | 'open' }>

export const createSession = (components: SessionComponents): Session => {
  const { blocks, shelf, catalogs, outbox, slots, hello, onUpload, onOpen, onFailure } = components
  const subscriptions = createSubscriptions({ shelf, outbox, onFailure: (error) => fail(error) })
  const queue: Job[] = []
  let greeted = false
  let tellsHeads = false
  let uploading = false
  let working: Promise<void> | undefined
  let roomMade = (): void => {}
  let closed = false

  const take = async (request: Request): Promise<void> => {
    if ((request.type === 'hello') === greeted) throw new MeshError('bad-bytes', `a ${request.type} out of turn`)
    switch (request.type) {
      case 'hello':
        greeted = true
        outbox.send(helloMessage(hello))
        return
      case 'heads':
        if (tellsHeads) throw new MeshError('bad-bytes', 'heads were asked for twice')
        tellsHeads = true
        for (const { envelope } of catalogs.heads()) pushHead(envelope)
        return
      case 'cancel':
        cancel(request.id)
        return
      default:
        queue.push(request)
        working ??= work()
        if (queue.length >= MAX_QUEUED_REQUESTS) await new Promise<void>((resolve) => (roomMade = resolve))
    }
  }

  const cancel = (id: number): void => {
    const at = queue.findIndex((job) => job.id === id)
    if (at >= 0) queue.splice(at, 1)
    else subscriptions.close(id) // or it was answered already
  }

  const work = async (): Promise<void> => {
    try {
      for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
        roomMade()
        await answer(job)
      }
    } catch (error) {
      fail(error)
    } finally {
      working = undefined
      rest()
    }
  }

  const answer = async (job: Job): Promise<void> => {
    if (job.type === 'chunk') return sendChunk(job) // its buffers hold it back
    if (job.type === 'block') await sendBlock(job.id, job.cid)
    else if (job.type === 'open') await open(job.id, job.set)
    else await sendSignatures(job.id, job.manifest)
    await outbox.settled()
  }

  const open = async (id: number, set: Cid): Promise<void> => {
    await subscriptions.open(id, set)
    onOpen(set)
  }

  const sendSignatures = async (id: number, manifest: Cid): Promise<void> => {
    const signatures = await catalogs.signatures(manifest)
    outbox.send(encodeMessage({ type: 'signatures', id, signatures: signatures.slice(0, MAX_SIGNATURES) }))
  }

  const sendBlock = async (id: number, cid: Cid): Promise<void> => {
    const block = await blocks.get(cid)
    if (block === undefined || block.bytes.length > MAX_BLOCK_BYTES) return refuse({ id, reason: 'not-found' })
    outbox.send(encodeMessage({ type: 'block', id }, block.bytes))
  }

  const sendChunk = async ({ id, set, index }: { id: number; set: Cid; index: number }): Promise<void> => {
    if (!uploading && !slots.take()) return refuse({ id, reason: 'busy', retryAfter: BUSY_RETRY_SECONDS })
    uploading = true
    const buffer = await outbox.buffer()
    const chunk = await readOrRelease(buffer, set, index)
    if (chunk === undefined) {
      outbox.giveBack(buffer)
      return refuse({ id, reason: 'not-found' })
    }
    outbox.sendFrom(buffer, encodeMessage({ type: 'chunk', id }, chunk))
    onUpload(chunk.length)
  }

  const readOrRelease = async (buffer: Uint8Array, set: Cid, index: number): Promise<Uint8Array | undefined> => {
    try {
      return await shelf.read(set, index, buffer)
    } catch (error) {
      components.log.warn({ set, index, err: error }, 'a chunk could not be read')
      return undefined
    }
  }

  const refuse = async (refusal: Omit<Refusal, 'type'>): Promise<void> => {
    outbox.send(encodeMessage({ type: 'refusal', ...refusal }))
    await outbox.settled()
  }

  const rest = (): void => {
    outbox.rest()
    if (uploading) slots.giveBack()
    uploading = false
  }

  /** Whoever has a new head tells many: a stream that takes no more must not keep it from the others. */
  const pushHead = (envelope: Uint8Array): void => {
    if (!tellsHeads || closed) return
    try {
      if (outbox.queued() > MAX_UNSENT_HEADS) throw new MeshError('unreachable', 'heads are not read')
      outbox.send(encodeMessage({ type: 'head', envelope }))
    } catch (error) {
      fail(error)
    }
  }

  const fail = (error: unknown): void => {
    close()
    onFailure(error)
  }

  const close = (): void => {
    closed = true
    queue.length = 0
    roomMade()
    subscriptions.stop()
  }

  return {
    get greeted() {
      return greeted
    },
    take,
    pushHead,
    idle: async () => working,
    close,
  }
}
