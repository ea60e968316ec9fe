import { Worker } from 'node:worker_threads'
import { type Log, MIB, MeshError, type Sha256 } from '@hubmesh/content'
import type { DescribedBlob } from './described-blob.ts'
import type { FromWorker, HashRequest, HashResult, ToWorker } from './protocol.ts'

/** Threads that hash. Two keep a seed's pull of two large files going, and leave the other cores alone. */
const MAX_THREADS = 2
/** A thread is told of so much at a time, and of the end: a message takes longer than the hash of a chunk. */
const STEP_BYTES = 4 * MIB

export interface HashJob<T> {
  /** Tells that the file is written up to here. What was told before is not told again. */
  readonly advance: (end: number) => void
  /** @throws MeshError `io` */
  readonly result: Promise<T>
  /** Ends it without a result. */
  cancel(): void
}

/** Worker threads that follow files as they are written. Started when first needed. */
export interface HashPool {
  digest(file: Omit<HashRequest, 'task'>): HashJob<{ readonly sha256: Sha256 }>
  describe(
    file: Omit<HashRequest, 'task'>,
    options: { gitOid: boolean; onProgress?: ((bytes: number) => void) | undefined },
  ): HashJob<DescribedBlob>
  close(): Promise<void>
}

interface RunningJob {
  readonly settled: PromiseWithResolvers<HashResult>
  readonly onProgress: ((bytes: number) => void) | undefined
}

interface Thread {
  readonly worker: Worker
  readonly jobs: Map<number, RunningJob>
}

export const createHashPool = ({ log }: { log: Log }): HashPool => {
  const threads = new Set<Thread>()
  let lastJob = 0
  let closed = false

  const startThread = (): Thread => {
    const thread: Thread = { worker: new Worker(workerUrl), jobs: new Map() }
    threads.add(thread)
    thread.worker.on('message', (message: FromWorker) => receive(thread, message))
    thread.worker.on('error', (error) => log.error({ error }, 'a hashing thread failed'))
    thread.worker.on('exit', () => {
      threads.delete(thread)
      for (const job of thread.jobs.values()) job.settled.reject(hashingEnded())
      thread.jobs.clear()
    })
    return thread
  }

  /** The idlest thread; another one while there may be one more and all are busy. */
  const pickThread = (): Thread => {
    const [idlest] = [...threads].toSorted((a, b) => a.jobs.size - b.jobs.size)
    return idlest !== undefined && (idlest.jobs.size === 0 || threads.size >= MAX_THREADS) ? idlest : startThread()
  }

  const start = (request: HashRequest, onProgress?: (bytes: number) => void): HashJob<HashResult> => {
    if (closed) throw hashingEnded()
    const thread = pickThread()
    const number = (lastJob += 1)
    const settled = Promise.withResolvers<HashResult>()
    settled.promise.catch(() => {}) // whoever waits for it hears of it; a cancelled one nobody waits for
    thread.jobs.set(number, { settled, onProgress })
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
    const send = (message: ToWorker): void => thread.worker.postMessage(message)
    send({ type: 'start', job: number, request })
    let told = 0
    return {
      advance: (end) => {
        if (end - told < STEP_BYTES && end < request.size) return
        told = end
        send({ type: 'advance', job: number, end })
      },
      result: settled.promise,
      cancel: () => {
        if (!thread.jobs.delete(number)) return
        send({ type: 'cancel', job: number })
        settled.reject(hashingEnded())
      },
    }
  }

  return {
    digest: (file) => start({ ...file, task: { kind: 'sha256' } }),
    describe: (file, { gitOid, onProgress }) =>
      start({ ...file, task: { kind: 'describe', gitOid } }, onProgress) as HashJob<DescribedBlob>,
    close: async () => {
      closed = true
      await Promise.all([...threads].map(({ worker }) => worker.terminate()))
    },
  }
}

const receive = ({ jobs }: Thread, message: FromWorker): void => {
  const job = jobs.get(message.job)
  if (job === undefined) return // cancelled meanwhile
  if (message.type === 'progress') {
    job.onProgress?.(message.bytes)
    return
  }
  jobs.delete(message.job)
  if (message.type === 'done') job.settled.resolve(message.result)
  else job.settled.reject(new MeshError('io', `a file cannot be hashed: ${message.reason}`))
}

const hashingEnded = (): MeshError => new MeshError('io', 'hashing has ended before the file did')

// Beside this file, as source or as built.
const workerUrl = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)
