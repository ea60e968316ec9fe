import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { MIB, type Sha256, createBlobPass } from '@hubmesh/content'
import { describeBlob } from './described-blob.ts'
import type { FromWorker, HashRequest, HashResult, ToWorker } from './protocol.ts'

/** Hashes files as far as they are written. Reads block: this thread has nothing else to do. */

/** Large enough that system calls do not count, small enough for the CPU's cache. */
const BUFFER_BYTES = MIB
/** So much of one file before another has its turn, and messages are looked at. */
const TURN_BYTES = 8 * MIB

interface Job {
  readonly fd: number
  readonly size: number
  readonly pass: Pass
  position: number
  end: number
}

interface Pass {
  push(bytes: Uint8Array): void
  finish(): HashResult
}

const port = parentPort
if (port === null) throw new Error('this file runs as a worker thread')
const buffer = new Uint8Array(BUFFER_BYTES)
const jobs = new Map<number, Job>()
let turning = false

port.on('message', (message: ToWorker) => {
  if (message.type === 'cancel') end(message.job)
  else attempt(message.job, () => (message.type === 'start' ? start(message.job, message.request) : advance(message)))
  turnSoon()
})

const send = (message: FromWorker): void => port.postMessage(message)

const start = (number: number, { path, size, task }: HashRequest): void => {
  const pass = task.kind === 'sha256' ? createDigestPass() : createDescribePass(size, task.gitOid)
  jobs.set(number, { fd: openSync(path, 'r'), size, pass, position: 0, end: 0 })
}

const advance = ({ job: number, end }: { job: number; end: number }): void => {
  const job = jobs.get(number)
  if (job !== undefined) job.end = end
}

const end = (number: number): void => {
  const job = jobs.get(number)
  if (job !== undefined) closeSync(job.fd)
  jobs.delete(number)
}

/** A job's failure is told and ends it; the others go on. */
const attempt = (number: number, work: () => void): void => {
  try {
    work()
  } catch (error) {
    end(number)
    send({ type: 'failed', job: number, reason: error instanceof Error ? error.message : String(error) })
  }
}

const turnSoon = (): void => {
  if (turning) return
  turning = true
  setImmediate(turn)
}

const turn = (): void => {
  turning = false
  for (const [number, job] of jobs) attempt(number, () => work(number, job))
  if (jobs.values().some((job) => job.position < job.end)) turnSoon()
}

const work = (number: number, job: Job): void => {
  const before = job.position
  const until = Math.min(job.end, before + TURN_BYTES)
  while (job.position < until) {
    const read = readSync(job.fd, buffer, 0, Math.min(buffer.length, until - job.position), job.position)
    if (read === 0) throw new Error(`the file ends at ${job.position} of ${job.size} bytes`)
    job.pass.push(buffer.subarray(0, read))
    job.position += read
  }
  if (job.position > before) send({ type: 'progress', job: number, bytes: job.position })
  if (job.position === job.size) {
    const result = job.pass.finish()
    end(number)
    send({ type: 'done', job: number, result })
  }
}

const createDigestPass = (): Pass => {
  const hash = createHash('sha256')
  return { push: (bytes) => void hash.update(bytes), finish: () => ({ sha256: hash.digest('hex') as Sha256 }) }
}

const createDescribePass = (size: number, gitOid: boolean): Pass => {
  const pass = createBlobPass({ size, gitOid })
  return { push: (bytes) => pass.push(bytes), finish: () => describeBlob(pass.finish()) }
}
