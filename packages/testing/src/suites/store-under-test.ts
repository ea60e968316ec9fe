import { afterEach, beforeEach } from 'vitest'
import { type Meter, type Sha256, createMeter, sha256Of } from '@hubmesh/content'
import type { StoreParts } from '../memory/store.ts'

/** Opens an empty store that counts into the meter. `close()` also removes what it left behind. */
export type OpenStore = (components: { meter: Meter }) => Promise<StoreParts>

export interface StoreUnderTest extends StoreParts {
  readonly meter: Meter
}

/** A fresh store for each test. */
export const useStore = (open: OpenStore): (() => StoreUnderTest) => {
  let store: StoreUnderTest | undefined
  beforeEach(async () => {
    const meter = createMeter()
    store = { ...(await open({ meter })), meter }
  })
  afterEach(async () => {
    await store?.close()
    store = undefined
  })
  return () => {
    if (store === undefined) throw new Error('a store is there only while a test runs')
    return store
  }
}

/** The sha256 of all that is read of a blob; undefined when it is not there. Hashes compare faster than megabytes. */
export const readDigest = async ({ blobs }: StoreParts, sha256: Sha256): Promise<Sha256 | undefined> => {
  const handle = await blobs.open(sha256)
  if (handle === undefined) return undefined
  try {
    const bytes = new Uint8Array(handle.size)
    const read = await handle.readInto(0, bytes)
    return sha256Of(bytes.subarray(0, read))
  } finally {
    await handle.close()
  }
}
