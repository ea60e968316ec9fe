import { expect, it } from 'vitest'
import { MIB, type PartialBlob, hashParts, joinParts, nameBytes } from '@hubmesh/content'
import { type SampleBlob, describeBlob, lyingPlan, sampleBlob, sampleBytes } from './samples.ts'
import { type OpenStore, readDigest, useStore } from './store-under-test.ts'

const never = new AbortController().signal

export const partialSuite = (open: OpenStore): void => {
  const store = useStore(open)
  const sample = sampleBlob(4 * MIB + 11, 20)
  const openPartial = async (of = sample, plan = of.plan): Promise<PartialBlob> => {
    await store().blocks.put(of.blocks)
    return store().blobs.openPartial(plan)
  }

  it('becomes a blob when its chunks came in any order', async () => {
    const partial = await openPartial()
    expect(partial.have.count).toBe(0)
    await putAll(partial, sample)
    await partial.finished
    expect(partial.have.complete).toBe(true)
    expect(await readDigest(store(), sample.sha256)).toBe(sample.sha256)
    expect(store().blobs.usage()).toMatchObject({ bytes: sample.size, blobs: 1 })
    await partial.close()
  })

  it('is no blob before it is whole', async () => {
    const partial = await openPartial()
    await putChunk(partial, sample, 1)
    expect(partial.have.has(1)).toBe(true)
    expect(await store().blobs.has(sample.sha256)).toBe(false)
    await partial.close()
  })

  it('gives back what it has, and only that', async () => {
    const partial = await openPartial()
    await putChunk(partial, sample, 2)
    const read = await partial.readChunk(2)
    expect(read && hashParts(read.parts)).toBe(sample.chunks[2]?.sha256)
    expect(await partial.readChunk(0)).toBeUndefined()
    await partial.close()
  })

  it('takes a chunk in parts', async () => {
    const partial = await openPartial()
    const [chunk] = sample.chunks
    if (chunk === undefined) throw new Error('no chunk')
    const whole = joinParts(chunk)
    const parts = [whole.subarray(0, 10), whole.subarray(10, 11), whole.subarray(11)]
    await partial.putChunk(0, { ...chunk, parts })
    const read = await partial.readChunk(0)
    expect(read && hashParts(read.parts)).toBe(chunk.sha256)
    await partial.close()
  })

  it('refuses bytes that are not the chunk', async () => {
    const partial = await openPartial()
    await expect(partial.putChunk(0, chunkAt(sample, 1))).rejects.toMatchObject({ code: 'bad-bytes' })
    await expect(partial.putChunk(-1, chunkAt(sample, 0))).rejects.toMatchObject({ code: 'bad-bytes' })
    await expect(partial.putChunk(sample.chunks.length, chunkAt(sample, 0))).rejects.toMatchObject({
      code: 'bad-bytes',
    })
    expect(partial.have.count).toBe(0)
    await partial.close()
  })

  it('is shared by all who open it', async () => {
    const [one, other] = [await openPartial(), await openPartial()]
    await putChunk(one, sample, 3)
    expect(other.have.has(3)).toBe(true)
    await one.close()
    await putAll(other, sample)
    await other.finished
    await other.close()
  })

  it('keeps its chunks between two who open it', async () => {
    const one = await openPartial()
    await putChunk(one, sample, 3)
    await one.close()
    const other = await openPartial()
    expect(other.have.has(3)).toBe(true)
    await other.close()
  })

  it('is whole at once where the list is known', async () => {
    const first = await openPartial()
    await putAll(first, sample)
    await first.finished
    await first.close()
    const again = await openPartial()
    expect(again.have.complete).toBe(true)
    await again.finished
    const read = await again.readChunk(0)
    expect(read && hashParts(read.parts)).toBe(sample.chunks[0]?.sha256)
    await again.close()
  })

  it('refuses who said that the whole is what it is not, and nobody else', async () => {
    const claimed = nameBytes(sampleBytes(5, 5)).sha256
    const lie = lyingPlan(sample, claimed)
    const partial = await openPartial(sample, lie)
    const putting = putAll(partial, sample)
    await expect(partial.finished).rejects.toMatchObject({ code: 'bad-bytes' })
    await putting
    await partial.close()
    expect(await store().blobs.has(claimed)).toBe(false)
    await expect(store().blobs.openPartial(lie)).rejects.toMatchObject({ code: 'bad-bytes' })
    const honest = await openPartial()
    await honest.finished
    await honest.close()
    expect(await readDigest(store(), sample.sha256)).toBe(sample.sha256)
  })

  it('copies what other blobs hold', async () => {
    const grown = describeBlob(new Uint8Array(Buffer.concat([sampleBytes(700_000, 21), sample.bytes])))
    const first = await openPartial()
    await putAll(first, sample)
    await first.finished
    await first.close()
    const partial = await openPartial(grown)
    const known = new Set(sample.chunks.map((chunk) => chunk.sha256))
    const shared = [...grown.chunks.keys()].filter((index) => known.has(chunkAt(grown, index).sha256))
    expect(shared.length).toBeGreaterThan(5)
    expect(await partial.adopt([...grown.chunks.keys()], never)).toEqual(shared)
    expect(store().meter.read().localBytes).toBe(shared.reduce((sum, at) => sum + chunkAt(grown, at).length, 0))
    for (const index of grown.chunks.keys()) if (!partial.have.has(index)) await putChunk(partial, grown, index)
    await partial.finished
    expect(await readDigest(store(), grown.sha256)).toBe(grown.sha256)
    await partial.close()
  })

  it('copies what it holds itself at another place', async () => {
    const half = sampleBytes(2 * MIB, 22)
    const twice = describeBlob(new Uint8Array(Buffer.concat([half, half, half])))
    const partial = await openPartial(twice)
    const firstAt = (index: number): number =>
      twice.chunks.findIndex(({ sha256 }) => sha256 === chunkAt(twice, index).sha256)
    const repeated = [...twice.chunks.keys()].filter((index) => firstAt(index) !== index)
    expect(repeated.length).toBeGreaterThan(0)
    for (const index of twice.chunks.keys()) if (firstAt(index) === index) await putChunk(partial, twice, index)
    expect(await partial.adopt(repeated, never)).toEqual(repeated)
    await partial.finished
    await partial.close()
  })

  it('copies nothing once the signal has ended', async () => {
    const partial = await openPartial()
    await expect(partial.adopt([0], AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
    await partial.close()
  })
}

const chunkAt = (sample: SampleBlob, index: number) => {
  const chunk = sample.chunks[index]
  if (chunk === undefined) throw new Error(`no chunk ${index}`)
  return chunk
}

const putChunk = (partial: PartialBlob, sample: SampleBlob, index: number): Promise<void> =>
  partial.putChunk(index, chunkAt(sample, index))

/** All chunks at once, the last first, one of them twice. */
const putAll = async (partial: PartialBlob, sample: SampleBlob): Promise<void> => {
  const indexes = [...sample.chunks.keys(), 0].toReversed()
  await Promise.all(indexes.map((index) => putChunk(partial, sample, index)))
}
