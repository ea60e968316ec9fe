import { createHash } from 'node:crypto'
import {
  type Bitmap,
  type ChunkPage,
  type Cid,
  type Log,
  type Meter,
  MeshError,
  type PartialBlob,
  type PartialPlan,
  type Sha256,
  type VerifiedBytes,
  sha256FromBytes,
} from '@hubmesh/content'
import type { BlobFiles } from '../blob-files.ts'
import { createKnownLists, listKey } from '../chunk-lists.ts'
import type { HashPool } from '../hashing/pool.ts'
import { createChunkMap } from './chunk-map.ts'
import { createFollower } from './follower.ts'
import type { LocalChunks, WantedChunk } from './local-chunks.ts'
import { type PartialFileComponents, openPartialFile } from './partial-file.ts'

export interface PartialComponents extends PartialFileComponents {
  readonly blobs: BlobFiles
  readonly hashes: HashPool
  readonly local: LocalChunks
  readonly meter: Meter
  readonly log: Log
  /** Called for each chunk that has become readable. */
  readonly onHave: (list: Cid, index: number) => void
  /** Called when the partial of a list has become a blob, or cannot go on. */
  readonly onOver: (list: Cid) => void
}

/** The one partial of a list, behind all who opened it. */
export interface SharedPartial extends Pick<PartialBlob, 'putChunk' | 'readChunk' | 'adopt'> {
  readonly have: Bitmap
  /**
   * The sha256 of the whole, hashed here, once the blob has its name: which may be another than a plan says. The bytes
   * then lie under their right name, and only who said otherwise is refused.
   */
  readonly whole: Promise<Sha256>
  /** Another who wants it: a source of pages, and what it says that the whole is. */
  join(plan: PartialPlan): void
  close(): Promise<void>
}

export const openSharedPartial = async (
  components: PartialComponents,
  plan: PartialPlan,
  pageBytes: readonly number[] | undefined,
): Promise<SharedPartial> => {
  const { index, blobs, hashes, local, meter, log, onHave, onOver } = components
  const { list, sha256, size, chunks } = plan
  const file = await openPartialFile(components, { list, sha256, size, chunks }, (lost) => lost.forEach(unfollow))
  const { have, record } = file
  const claims = new Set([record.sha256])
  let loadPage: (page: number) => Promise<ChunkPage> = (page) => plan.page(page)
  const map = createChunkMap({ chunks: record.chunks, pageBytes }, (page) => loadPage(page))
  const writing = new Map<number, Promise<void>>()
  const whole = Promise.withResolvers<Sha256>()
  whole.promise.catch(() => {}) // those who wait for `finished` hear of it
  let failure: { error: unknown } | undefined
  let finishing: Promise<void> | undefined
  let named: Sha256 | undefined

  const unfollow = (at: number): void => follower.retract(at)

  const fail = (error: unknown): void => {
    failure ??= { error }
    whole.reject(error)
    onOver(list)
  }

  const follower = createFollower(
    { have, map, startJob: () => hashes.digest({ path: file.path, size: record.size }) },
    {
      onWhole: (hashed) => {
        finishing = finish(hashed).catch(fail)
      },
      onFailure: fail,
      onStuck: (error) => log.debug({ list, error }, 'a page of a chunk list is not at hand'),
    },
  )

  /** All is here and hashed: the blob gets the name that it has earned. */
  const finish = async (hashed: Sha256): Promise<void> => {
    const name = claims.has(hashed) ? hashed : await hashAgain()
    if (name === undefined) return
    await file.flush()
    if (!have.complete) return // the disk took a chunk back: all is hashed again when it has come
    const known = { sha256: name, size: record.size, chunks: record.chunks }
    const writes = [...file.forget(), createKnownLists(index).put(listKey(list), known)]
    await blobs.place({ path: file.path, sha256: name, holder: record.holder }, writes)
    named = name
    whole.resolve(name)
    onOver(list)
  }

  /**
   * Nobody said that the whole is this. Either somebody lied, or the disk did: all chunks are read and proven again, and
   * hashed as they are. Undefined when one was damaged: it is wanted again, and then all is hashed once more.
   */
  const hashAgain = async (): Promise<Sha256 | undefined> => {
    const hash = createHash('sha256')
    for (let at = 0; at < record.chunks; at += 1) {
      const chunk = await readChunk(at)
      if (chunk === undefined) return undefined
      for (const part of chunk.parts) hash.update(part)
    }
    return sha256FromBytes(hash.digest())
  }

  const readChunk = async (at: number): Promise<VerifiedBytes | undefined> => {
    if (!have.has(at)) return undefined
    const bytes = await file.read(await map.locate(at))
    if (bytes === undefined) await drop(at)
    return bytes
  }

  /** The disk has changed a chunk. */
  const drop = async (at: number): Promise<void> => {
    if (named !== undefined) {
      await blobs.withdraw(named, 'a chunk of it was damaged')
      return
    }
    log.warn({ list, chunk: at }, 'a chunk was damaged on this disk: it is wanted again')
    await file.retract(at)
    follower.retract(at)
  }

  const putChunk = async (at: number, bytes: VerifiedBytes): Promise<void> => {
    if (failure !== undefined) throw failure.error
    const place = await map.locate(at)
    if (place.length !== bytes.length || sha256FromBytes(place.digest) !== bytes.sha256)
      throw new MeshError('bad-bytes', `the bytes are not chunk ${at} of list ${list}`)
    if (have.has(at)) return
    const write = writing.get(at) ?? file.write(at, place, bytes).then(() => onHave(list, at))
    writing.set(at, write)
    try {
      await write
    } finally {
      writing.delete(at)
    }
    follower.advance()
  }

  const adopt = async (indexes: readonly number[], signal: AbortSignal): Promise<number[]> => {
    signal.throwIfAborted()
    const wanted: WantedChunk[] = []
    for (const at of new Set(indexes)) if (!have.has(at)) wanted.push({ index: at, ...(await map.locate(at)) })
    if (wanted.length > 0) await file.flush() // what it holds itself is known to the index only then
    for await (const { index: at, bytes } of local.read(wanted, signal)) {
      await putChunk(at, bytes)
      meter.add('localBytes', bytes.length)
    }
    return indexes.filter((at) => have.has(at))
  }

  follower.advance()
  return {
    have,
    whole: whole.promise,
    join: (other) => {
      claims.add(other.sha256)
      loadPage = (page) => other.page(page)
      follower.advance()
    },
    putChunk,
    readChunk,
    adopt,
    close: async () => {
      follower.stop()
      await finishing
      try {
        await file.close()
      } catch (error) {
        log.error({ list, error }, 'the last chunks of a partial are not durable')
      }
    },
  }
}
