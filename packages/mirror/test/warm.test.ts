import { MIB } from '@hubmesh/content'
import { sampleBytes } from '@hubmesh/testing'
import { describe, expect, it } from 'vitest'
import { fileOf, read, seedAndOffice, until } from './office.ts'

const WARM_BYTES = 4 * MIB

describe('a file that a HEAD was asked of', () => {
  it('is fetched at most 4 MiB far, not before who reads, and once', async () => {
    const bytes = sampleBytes(12 * MIB, 31)
    const { snapshot, link } = await seedAndOffice({ 'a.bin': bytes })
    const file = await fileOf(snapshot, 'a.bin')
    snapshot.warm(file)
    snapshot.warm(file)
    const fetched = (): number => link.fetches.reduce((sum, { length }) => sum + length, 0)
    // Down to the last chunk that ends within the bound: a chunk is at most 1 MiB.
    await until(() => fetched() > WARM_BYTES - MIB && link.waiting() === 0)
    expect(fetched()).toBeLessThanOrEqual(WARM_BYTES)
    expect(new Set(link.fetches.map(({ priority }) => priority))).toEqual(new Set(['ahead']))
    const before = link.fetches.length
    const half = await read(snapshot, 'a.bin', { start: 0, end: 3 * MIB })
    expect(Buffer.compare(half, bytes.subarray(0, 3 * MIB))).toBe(0)
    expect(link.fetches).toHaveLength(before)
  })

  it('of one chunk is fetched whole where that is no more', async () => {
    const { snapshot, link } = await seedAndOffice({ 'a.txt': sampleBytes(20_000, 32) })
    snapshot.warm(await fileOf(snapshot, 'a.txt'))
    await until(() => link.fetches.length === 1 && link.waiting() === 0)
  })

  it('is given up when nothing of it comes', async () => {
    const { snapshot, link } = await seedAndOffice({ 'a.bin': sampleBytes(2 * MIB, 34) }, { limits: { warmMs: 50 } })
    link.hold = () => new Promise(() => {})
    snapshot.warm(await fileOf(snapshot, 'a.bin'))
    await until(() => link.fetches.length > 0)
    await until(() => link.waiting() === 0)
  })
})
