import type { ServerResponse } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { type FileBody, KIB, MeshError } from '@hubmesh/content'
import type { BodyStream } from '../answer.ts'
import { within } from '../patience.ts'
import { type ClientRate, createClientRate } from './client-rate.ts'
import type { StreamOptions } from './file-stream.ts'
import { endShort, writeTaken } from './write.ts'

/** Clients hang up after 10 s without a byte, so one leaves at least this often … */
const TRICKLE_MS = 4_000
/** … out of the end of what is proven, held back while the next bytes are on their way … */
const HELD_BYTES = 64 * KIB
/** … in this many parts: enough for 64 s, in which a chunk of 1 MiB comes at 17 KB/s. */
const TRICKLE_PARTS = 16

/**
 * A cold file: proven bytes as they come. What fails before the first of them is thrown, what fails later ends the connection
 * short of the announced length, from where Hub clients resume.
 */
export const proofStream = async (body: FileBody, options: StreamOptions): Promise<BodyStream> => {
  const { range, signal, log, patienceMs } = options
  const leaving = new AbortController()
  const rate = createClientRate()
  const reading = { signal: AbortSignal.any([signal, leaving.signal]), rate: () => rate.perSecond() }
  const iterator = body.read(range, reading)[Symbol.asyncIterator]()
  const close = async (): Promise<void> => {
    leaving.abort()
    await iterator.return?.().catch((error: unknown) => log.debug({ err: error }, 'a read did not end well'))
    await body.close()
  }
  const first = await within(() => iterator.next(), { signal, ms: patienceMs }).catch((error: unknown) => {
    leaving.abort(error)
    throw error
  })
  return {
    send: async (response) => {
      try {
        await pump(response, { iterator, first, length: range.end - range.start, rate, signal })
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error }, 'a file ends short at a client: its bytes stopped coming')
        endShort(response)
      } finally {
        await close()
      }
    },
    discard: close,
  }
}

interface Source {
  readonly iterator: AsyncIterator<Uint8Array>
  readonly first: IteratorResult<Uint8Array>
  readonly length: number
  readonly rate: ClientRate
  readonly signal: AbortSignal
}

const pump = async (response: ServerResponse, { iterator, first, length, rate, signal }: Source): Promise<void> => {
  let left = length
  const write = async (bytes: Uint8Array): Promise<void> => {
    const end = rate.begin(bytes.length)
    await writeOr(response, bytes, signal)
    end()
  }
  for (let step = first; step.done !== true;) {
    left -= step.value.length
    if (left < 0) throw new MeshError('bad-bytes', 'a read gave more than its range')
    const next = watched(iterator.next())
    await writeSpread(step.value, next, write)
    step = await next.promise
  }
  if (left > 0) throw new MeshError('bad-bytes', 'a read gave less than its range')
  response.end()
}

/** Writes a proven part; its end is spread over time while what comes next is not there. */
const writeSpread = async (
  bytes: Uint8Array,
  next: Watched,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> => {
  await turn() // what is there already shows itself within a turn
  let written = next.isSettled() ? 0 : bytes.length - Math.min(HELD_BYTES, Math.floor(bytes.length / 2))
  if (written > 0) {
    const part = Math.max(1, Math.ceil((bytes.length - written) / TRICKLE_PARTS))
    await write(bytes.subarray(0, written))
    while (written < bytes.length && !(await next.settledWithin(TRICKLE_MS))) {
      await write(bytes.subarray(written, written + part))
      written += part
    }
  }
  if (written < bytes.length) await write(bytes.subarray(written))
}

/** @throws the signal's reason when the client has left */
const writeOr = async (response: ServerResponse, bytes: Uint8Array, signal: AbortSignal): Promise<void> => {
  if (await writeTaken(response, bytes, signal)) return
  signal.throwIfAborted()
  throw new MeshError('unreachable', 'the connection broke')
}

interface Watched {
  readonly promise: Promise<IteratorResult<Uint8Array>>
  isSettled(): boolean
  settledWithin(ms: number): Promise<boolean>
}

const watched = (promise: Promise<IteratorResult<Uint8Array>>): Watched => {
  let settled = false
  const done = promise.then(
    () => true,
    () => true, // told to whoever awaits the promise itself
  )
  void done.then(() => {
    settled = true
  })
  return {
    promise,
    isSettled: () => settled,
    settledWithin: async (ms) => {
      const { promise: late, resolve } = Promise.withResolvers<boolean>()
      const timer = setTimeout(() => resolve(false), ms)
      try {
        return await Promise.race([done, late])
      } finally {
        clearTimeout(timer)
      }
    },
  }
}
