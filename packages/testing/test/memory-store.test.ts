import { describe } from 'vitest'
import { blobStoreSuite, blockStoreSuite, catalogStoreSuite, chunkShelfSuite, createMemoryStore } from '../src/index.ts'

describe('memory store', () => {
  const open = async ({ meter }: Parameters<Parameters<typeof blobStoreSuite>[0]>[0]) => createMemoryStore({ meter })
  blobStoreSuite(open)
  blockStoreSuite(open)
  catalogStoreSuite(open)
  chunkShelfSuite(open)
})
