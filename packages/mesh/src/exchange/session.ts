import {
  type BlockStore,
  type CatalogStore,
  type ChunkShelf,
  type Cid,
  type Log,
  MAX_BLOCK_BYTES,
  MeshError,
} from '@hubmesh/content'
import { MAX_QUEUED_REQUESTS, MAX_SIGNATURES, MAX_UNSENT_HEADS } from '../limits.ts'
import type { Arrivals } from './arrivals.ts'
import { type Hello, type Request, encodeMessage, helloMessage } from './messages.ts'
import type { Outbox } from './outbox.ts'
import type { RateCaps } from './rate-caps.ts'
import { refuse } from './refuse.ts'
import { createSubscriptions } from './subscriptions.ts'
import { createUpload } from './upload.ts'
import type { UploadSlots } from './upload-slots.ts'

export interface SessionComponents {
  readonly blocks: BlockStore
  readonly shelf: ChunkShelf
  readonly arrivals: Arrivals
  readonly catalogs: CatalogStore
  readonly outbox: Outbox
  readonly slots: UploadSlots
  readonly caps: RateCaps
  readonly peerId: string
  readonly hello: Hello
  readonly log: Log
  readonly onUpload: (bytes: number) => void
  readonly onOpen: (set: Cid) => void
  /** The stream is of no more use. */
  readonly onFailure: (error: unknown) => void
}

/** One served stream: questions are answered in order, chunks beside them by urgency. */
export interface Session {
  readonly greeted: boolean
  /** Takes a request in; waits while too many are queued. @throws MeshError `bad-bytes` for one that is out of turn */
  take(request: Request): Promise<void>
  pushHead(envelope: Uint8Array): void
  /** Resolves when nothing is queued. */
  idle(): Promise<void>
  close(): void
}

type Job = Extract<Request, { type: 'block' | 'signatures' | 'open' }>

export const createSession = (components: SessionComponents): Session => {
  const { blocks, shelf, arrivals, catalogs, outbox, hello, onOpen, onFailure } = components
  let elsewhere = true
  const subscriptions = createSubscriptions({
    shelf,
    arrivals,
    outbox,
    otherSite: () => elsewhere,
    onFailure: (error) => fail(error),
  })
  const queue: Job[] = []
  let greeted = false
  let tellsHeads = false
  let working: Promise<void> | undefined
  let roomMade = (): void => {}
  let closed = false
  const upload = createUpload({
    ...components,
    otherSite: () => elsewhere,
    onRoom: () => roomMade(),
    onFailure: (error) => fail(error),
    onStall: () => fail(new MeshError('busy', 'the other side takes too little, and others wait')),
  })

  const take = async (request: Request): Promise<void> => {
    if ((request.type === 'hello') === greeted) throw new MeshError('bad-bytes', `a ${request.type} out of turn`)
    switch (request.type) {
      case 'hello':
        greeted = true
        elsewhere = request.site !== hello.site
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
      case 'chunk':
        upload.take(request)
        break
      default:
        queue.push(request)
        working ??= work()
    }
    if (queue.length + upload.queued() >= MAX_QUEUED_REQUESTS)
      await new Promise<void>((resolve) => (roomMade = resolve))
  }

  const cancel = (id: number): void => {
    const at = queue.findIndex((job) => job.id === id)
    if (at >= 0) queue.splice(at, 1)
    else if (!upload.cancel(id)) subscriptions.close(id) // or it was answered already
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
    }
  }

  const answer = async (job: Job): Promise<void> => {
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
    if (block === undefined || block.bytes.length > MAX_BLOCK_BYTES) return refuse(outbox, { id, reason: 'not-found' })
    outbox.send(encodeMessage({ type: 'block', id }, block.bytes))
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
    upload.close()
    roomMade()
    subscriptions.stop()
  }

  return {
    get greeted() {
      return greeted
    },
    take,
    pushHead,
    idle: async () => {
      await Promise.all([working, upload.idle()])
    },
    close,
  }
}
