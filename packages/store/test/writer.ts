import { createMeter, silentLog } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { openStore } from '../src/index.ts'

/**
 * A process that stores a sample blob, tells on its output how many bytes were taken so far, and is killed on the way:
 * `node writer.ts HOME partial|ingest SIZE SEED`.
 */
const [home = '', mode = '', size = '', seed = ''] = process.argv.slice(2)
const sample = sampleBlob(Number(size), Number(seed))
const store = await openStore({ home, log: silentLog, meter: createMeter() })
let taken = 0

const tell = (bytes: number): void => {
  taken += bytes
  process.stdout.write(`${taken}\n`)
}

const writePartial = async (): Promise<void> => {
  await store.blocks.put(sample.blocks)
  const partial = await store.blobs.openPartial(sample.plan)
  const shuffled = [...sample.chunks.entries()].toSorted(([, a], [, b]) => (a.sha256 < b.sha256 ? -1 : 1))
  for (const [index, chunk] of shuffled) {
    await partial.putChunk(index, chunk)
    tell(chunk.length)
  }
  await partial.finished
  await partial.close()
}

/** Four streams, each through its quarter. */
const writeIngest = async (): Promise<void> => {
  const ingest = await store.blobs.ingest({ key: sample.gitOid, size: sample.size, expect: { sha256: sample.sha256 } })
  const quarter = Math.ceil(sample.size / 4)
  const step = 100_000
  const stream = async (start: number): Promise<void> => {
    const end = Math.min(start + quarter, sample.size)
    for (let at = start; at < end; at += step) {
      const piece = sample.bytes.subarray(at, Math.min(at + step, end))
      await ingest.write(at, piece)
      tell(piece.length)
    }
  }
  await Promise.all([0, 1, 2, 3].map((part) => stream(part * quarter)))
  await ingest.finish(new AbortController().signal)
  await ingest.close()
}

await (mode === 'partial' ? writePartial() : writeIngest())
await store.close()
