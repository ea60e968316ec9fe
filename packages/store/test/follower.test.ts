import { describe, expect, it, vi } from 'vitest'
import { Bitmap } from '@hubmesh/content'
import type { LocatedChunk } from '../src/partial/chunk-map.ts'
import { createFollower } from '../src/partial/follower.ts'

const LENGTH = 10

/** A follower of a partial of two chunks, the first here; where a chunk lies is told when `tell` is called. */
const createHeld = () => {
  const have = new Bitmap(2)
  have.set(0)
  const told = Promise.withResolvers<void>()
  const locate = async (index: number): Promise<LocatedChunk> => {
    await told.promise
    return { offset: index * LENGTH, length: LENGTH, digest: new Uint8Array(32) }
  }
  const job = { advance: vi.fn(), result: new Promise<never>(() => {}), cancel: vi.fn() }
  const startJob = vi.fn(() => job)
  const events = { onWhole: vi.fn(), onFailure: vi.fn(), onStuck: vi.fn() }
  return {
    have,
    tell: told.resolve,
    job,
    startJob,
    follower: createFollower({ have, map: { locate }, startJob }, events),
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a follower', () => {
  it('that is stopped while it looks where a chunk lies starts no thread any more', async () => {
    const { follower, tell, startJob } = createHeld()
    follower.advance()
    follower.stop()
    tell()
    await settled()
    follower.advance()
    await settled()
    expect(startJob).not.toHaveBeenCalled()
  })

  it('does not have a chunk hashed that is taken back while it looks where it lies', async () => {
    const { follower, have, tell, job } = createHeld()
    follower.advance()
    have.clear(0)
    follower.retract(0)
    tell()
    await settled()
    expect(job.advance).not.toHaveBeenCalled()
    have.set(0)
    follower.advance()
    await settled()
    expect(job.advance).toHaveBeenCalledExactlyOnceWith(LENGTH)
  })
})
