import { writeFile } from 'node:fs/promises'
import { BLOBS, blobVector, blockVectors, cidVectors } from '../vector-cases.ts'

/**
 * Writes test/vectors/*.json: `node --conditions=source packages/content/test/tools/make-vectors.ts`. A vector that changes is a
 * change of the format: it needs a new version or a new chunker name, and both in FORMAT.md.
 */
const write = (name: string, value: unknown): Promise<void> =>
  writeFile(new URL(`../vectors/${name}.json`, import.meta.url), `${JSON.stringify(value, null, 2)}\n`)

await write('chunking', { chunker: 'gear64-256k-1', blobs: BLOBS.map(blobVector) })
await write('blocks', { cids: cidVectors(), blocks: blockVectors() })
