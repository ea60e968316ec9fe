import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'vitest'
import { silentLog } from '@hubmesh/content'
import { type OpenStore, blobStoreSuite, blockStoreSuite, catalogStoreSuite, chunkShelfSuite } from '@hubmesh/testing'
import { openStore } from '../src/index.ts'

describe('disk store', () => {
  const open: OpenStore = async ({ meter }) => {
    const home = await mkdtemp(join(tmpdir(), 'hubmesh-store-'))
    const store = await openStore({ home, log: silentLog, meter })
    const close = async (): Promise<void> => {
      await store.close()
      await rm(home, { recursive: true })
    }
    return { ...store, close }
  }
  blobStoreSuite(open)
  blockStoreSuite(open)
  catalogStoreSuite(open)
  chunkShelfSuite(open)
})
