import type { Stream } from '@libp2p/interface'
import { type Cid, KIB, MIB, MeshError, link } from '@hubmesh/content'
import { Uint8ArrayList } from 'uint8arraylist'
import { createAllowance } from '../allowance.ts'
import { asError } from '../as-error.ts'
import { HEADS_PER_SECOND, HELLO_TIMEOUT, MAX_HEADS_AT_ONCE, READ_HIGH } from '../limits.ts'
import { type FrameReader, encodeFrame, readFrames, sendFrame } from './frames.ts'
import {
  type Answer,
  type Hello,
  type Refusal,
  type WirePriority,
  answerSchema,
  decodeMessage,
  encodeMessage,
  helloMessage,
} from './messages.ts'

/** The asking half of one exchange stream. */
export interface Asker {
  /** What the other side said of itself. */
  readonly hello: Hello
  /** Of the greeting. */
  readonly rttMs: number
  heads(): void
  /** @throws MeshError `not-ready`, `denied` or `busy` as refused, `unreachable`; the signal's reason, when it is cancelled */
  ask(question: Question, signal: AbortSignal): Promise<{ message: Reply; payload: Uint8ArrayList }>
  /** Opens a set; the listener hears its bitmap and what is added. Returns the way to close it. */
  readonly open: (set: Cid, listener: SetListener) => () => void
  close(): void
  /** Why it ended: `bad-bytes` when the other side broke the protocol. */
  readonly ended: Promise<MeshError>
}

export type Question =
  | { readonly type: 'block'; readonly cid: Cid }
  | { readonly type: 'signatures'; readonly manifest: Cid }
  | ({ readonly type: 'chunk' } & ChunkQuestion)
export interface ChunkQuestion {
  readonly set: Cid
  readonly index: number
  readonly priority: WirePriority
}
export type Reply = Extract<Answer, { type: 'block' | 'signatures' | 'chunk' }>
export type HaveMessage = Extract<Answer, { type: 'have' }>
export type SetListener = (answer: Extract<Answer, { type: 'have' | 'has' }>, payload: Uint8ArrayList) => void

export interface AskerOptions {
  readonly hello: Hello
  onHead(envelope: Uint8Array): void
  /** A chunk came that was cancelled before: so many bytes for nothing. */
  onLate(bytes: number): void
  /** Counts the reader's unread bytes until the returned function is called. */
  watch(stream: Stream, unread: () => number): () => void
}

interface Pending {
  readonly type: Question['type']
  /** Gone with the answer: V8 keeps what a map once held until a full collection, and with it the answer's bytes. */
  settle: PromiseWithResolvers<{ message: Reply; payload: Uint8ArrayList }> | undefined
}

/** Requests that a peer leaves unread, in bytes: it is stuck. */
const MAX_UNSENT_BYTES = MIB
/** Requests that are gathered before they are sent, in bytes: one message of noise. */
const MAX_GATHERED_BYTES = 32 * KIB

/** Greets the other side of a fresh stream. @throws MeshError `unreachable` or `bad-bytes` */
export const createAsker = async (stream: Stream, options: AskerOptions): Promise<Asker> => {
  const reader = readFrames(stream, { high: READ_HIGH })
  const forget = options.watch(stream, reader.unread)
  const pending = new Map<number, Pending>()
  const sets = new Map<number, SetListener>()
  const unsent = new Uint8ArrayList()
  const heads = createAllowance({ burst: MAX_HEADS_AT_ONCE, perSecond: HEADS_PER_SECOND })
  const { promise: ended, resolve: end } = Promise.withResolvers<MeshError>()
  let nextId = 0

  const fail = (error: MeshError): void => {
    stream.abort(error)
    forget()
    for (const { settle } of pending.values())
      settle?.reject(new MeshError('unreachable', error.message, { cause: error }))
    pending.clear()
    sets.clear()
    end(error)
  }

  const send = (header: object): void => {
    if (stream.writeBufferLength > MAX_UNSENT_BYTES) stream.abort(new MeshError('unreachable', 'requests are not read'))
    if (stream.status !== 'open') throw new MeshError('unreachable', `the stream is ${stream.status}`)
    if (unsent.byteLength === 0) queueMicrotask(flush)
    unsent.append(encodeFrame(encodeMessage(header)))
    if (unsent.byteLength >= MAX_GATHERED_BYTES) flush()
  }

  /** What is asked in one go leaves in one piece: each is encrypted for itself, and costs a system call. */
  const flush = (): void => {
    try {
      if (stream.status === 'open' && unsent.byteLength > 0) stream.send(unsent.sublist())
    } catch (error) {
      stream.abort(asError(error))
    }
    unsent.consume(unsent.byteLength)
  }

  /** Called by timers and signals, which have nobody to catch an error: a stream that takes no more is closed. */
  const cancel = (id: number): void => {
    try {
      if (stream.status === 'open') send({ type: 'cancel', id })
    } catch (error) {
      stream.abort(asError(error))
    }
  }

  const take = ({ message, payload }: { message: Answer; payload: Uint8ArrayList }): void => {
    switch (message.type) {
      case 'hello':
        throw new MeshError('bad-bytes', 'a second hello')
      case 'head':
        if (!heads.take()) throw new MeshError('bad-bytes', 'heads without end')
        options.onHead(message.envelope)
        return
      case 'have':
      case 'has':
        requireIssued(message.id)
        sets.get(message.id)?.(message, payload)
        return
      default:
        settle(message, payload)
    }
  }

  /** What answers nothing that is open was cancelled, or asked twice: it is counted, and dropped. */
  const settle = (message: Reply | Refusal, payload: Uint8ArrayList): void => {
    requireIssued(message.id)
    const question = pending.get(message.id)
    const settle = question?.settle
    if (question === undefined || settle === undefined) {
      if (message.type === 'chunk') options.onLate(payload.byteLength)
      return
    }
    pending.delete(message.id)
    question.settle = undefined
    if (message.type === 'refusal') settle.reject(refusalError(message))
    else if (message.type === question.type) settle.resolve({ message, payload })
    else throw new MeshError('bad-bytes', `a ${message.type} for a ${question.type}`)
  }

  const requireIssued = (id: number): void => {
    if (id >= nextId) throw new MeshError('bad-bytes', 'an answer to no question')
  }

  const ask: Asker['ask'] = async (question, signal) => {
    signal.throwIfAborted()
    const id = nextId++
    const settle = Promise.withResolvers<{ message: Reply; payload: Uint8ArrayList }>()
    const onAbort = (): void => {
      if (!pending.delete(id)) return
      cancel(id)
      settle.reject(signal.reason)
    }
    send(questionHeader(question, id))
    pending.set(id, { type: question.type, settle })
    signal.addEventListener('abort', onAbort)
    try {
      return await settle.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  const open = (set: Cid, listener: SetListener): (() => void) => {
    const id = nextId++
    send({ type: 'open', id, set: link(set) })
    sets.set(id, listener)
    return () => {
      if (sets.delete(id)) cancel(id)
    }
  }

  const read = async (): Promise<void> => {
    try {
      for await (const frame of reader.frames) take(decodeMessage(answerSchema, frame))
      fail(new MeshError('unreachable', 'the other side has closed the stream'))
    } catch (error) {
      fail(error instanceof MeshError ? error : new MeshError('unreachable', 'the stream broke off', { cause: error }))
    }
  }

  const greeted = await greet({ stream, reader, hello: options.hello }).catch((error: unknown) => {
    forget()
    stream.abort(asError(error))
    throw error
  })
  void read()
  return {
    ...greeted,
    heads: () => send({ type: 'heads' }),
    ask,
    open,
    close: () => fail(new MeshError('unreachable', 'the stream was closed')),
    ended,
  }
}

const greet = async ({
  stream,
  reader,
  hello,
}: {
  stream: Stream
  reader: FrameReader
  hello: Hello
}): Promise<{ hello: Hello; rttMs: number }> => {
  const timer = setTimeout(() => stream.abort(new MeshError('unreachable', 'no hello in time')), HELLO_TIMEOUT)
  try {
    const start = performance.now()
    sendFrame(stream, helloMessage(hello))
    const first = await reader.frames.next()
    if (first.done === true) throw new MeshError('unreachable', 'the stream ended before its hello')
    const { message } = decodeMessage(answerSchema, first.value)
    if (message.type !== 'hello') throw new MeshError('bad-bytes', `a ${message.type} out of turn`)
    return { hello: message, rttMs: performance.now() - start }
  } finally {
    clearTimeout(timer)
  }
}

const questionHeader = (question: Question, id: number): object => {
  if (question.type === 'block') return { type: 'block', id, cid: link(question.cid) }
  if (question.type === 'signatures') return { type: 'signatures', id, manifest: link(question.manifest) }
  const { set, index, priority } = question
  return { type: 'chunk', id, set: link(set), index, priority }
}

const refusalError = ({ reason, retryAfter }: Refusal): MeshError => {
  if (reason === 'busy') return new MeshError('busy', 'the peer is busy', { retryAfter: retryAfter ?? 1 })
  if (reason === 'forbidden') return new MeshError('denied', 'the peer does not give this')
  return new MeshError('not-ready', 'the peer does not have this')
}
