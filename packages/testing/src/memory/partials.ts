import {
  Bitmap,
  CHUNKS_PER_PAGE,
  type Chunk,
  type Meter,
  MeshError,
  type PartialBlob,
  type PartialPlan,
  type VerifiedBytes,
  chunkOfPage,
  joinParts,
  sha256Of,
} from '@hubmesh/content'
import { type MemoryState, keepBlob, keepChunk } from './state.ts'

/** Like the disk's: shared by all callers, and a blob only after the whole was hashed. */
export const createMemoryPartial = (
  { state, meter }: { state: MemoryState; meter: Meter },
  plan: PartialPlan,
): PartialBlob => {
  const complete = state.lists.has(plan.list)
  const have = complete ? Bitmap.full(plan.chunks) : new Bitmap(plan.chunks)
  const stored = new Map<number, Uint8Array>()
  const finished = Promise.withResolvers<void>()
  finished.promise.catch(() => {}) // whoever waits for it hears of it; nobody has to wait
  if (complete) finished.resolve()

  const chunkAt = async (index: number): Promise<Chunk> => {
    const page = index >= 0 && index < plan.chunks ? await plan.page(Math.floor(index / CHUNKS_PER_PAGE)) : undefined
    if (page === undefined) throw new MeshError('bad-bytes', `list ${plan.list} has no chunk ${index}`)
    return chunkOfPage(page, index % CHUNKS_PER_PAGE)
  }

  const finish = async (): Promise<void> => {
    const whole = new Uint8Array(Buffer.concat(Array.from({ length: plan.chunks }, (_, index) => stored.get(index)!)))
    stored.clear()
    const sha256 = sha256Of(whole)
    state.lists.set(plan.list, { sha256, size: whole.length })
    keepBlob(state, sha256, whole)
    if (sha256 === plan.sha256) finished.resolve()
    else finished.reject(new MeshError('bad-bytes', `list ${plan.list} is not of the blob that it is said to be of`))
  }

  const putChunk = async (index: number, bytes: VerifiedBytes): Promise<void> => {
    const chunk = await chunkAt(index)
    if (chunk.sha256 !== bytes.sha256 || chunk.length !== bytes.length)
      throw new MeshError('bad-bytes', `the bytes are not chunk ${index} of list ${plan.list}`)
    if (have.has(index)) return
    stored.set(index, joinParts(keepChunk(state, bytes)))
    have.set(index)
    for (const listener of state.haveListeners) listener(plan.list, index)
    if (have.complete) await finish()
  }

  const readChunk = async (index: number): Promise<VerifiedBytes | undefined> =>
    have.has(index) ? state.chunks.get((await chunkAt(index)).sha256) : undefined

  const adopt = async (indexes: readonly number[], signal: AbortSignal): Promise<number[]> => {
    for (const index of indexes) {
      signal.throwIfAborted()
      const known = have.has(index) ? undefined : state.chunks.get((await chunkAt(index)).sha256)
      if (known === undefined) continue
      await putChunk(index, known)
      meter.add('localBytes', known.length)
    }
    return indexes.filter((index) => have.has(index))
  }

  return {
    plan,
    have,
    putChunk,
    readChunk,
    adopt,
    finished: finished.promise,
    close: async () => {},
  }
}
