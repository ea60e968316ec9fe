import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import createWabt from 'wabt'
import { describe, expect, it } from 'vitest'
import { type Chunk, createBlobPass, createCutter, gitBlobOid, sha256Of } from '../src/index.ts'
import { gearTable } from '../src/chunking/gear.ts'
import { GEAR_WASM } from '../src/chunking/gear-wasm.ts'
import { sampleBytes, sampleSafetensors } from './samples.ts'

const KIB = 1024
const MIB = 1024 * KIB

const cut = (bytes: Uint8Array, pushes: Iterable<number> = [bytes.length]): number[] => {
  const cutter = createCutter({ size: bytes.length })
  const ends: number[] = []
  let at = 0
  for (const size of pushes) {
    ends.push(...cutter.push(bytes.subarray(at, at + size)))
    at += size
  }
  ends.push(...cutter.push(bytes.subarray(at)))
  return ends
}

const chunksOf = (bytes: Uint8Array): readonly Chunk[] => {
  const pass = createBlobPass({ size: bytes.length, gitOid: false })
  pass.push(bytes)
  return pass.finish().chunks
}

const lengthsOf = (ends: readonly number[]): number[] => ends.map((end, index) => end - (ends[index - 1] ?? 0))

/** The rule of FORMAT.md, written down slowly: no WebAssembly, no skipping, every byte in a BigInt hash. */
const cutSlowly = (bytes: Uint8Array): number[] => {
  const table = gearTable()
  const ends: number[] = []
  let hash = 0n
  let begin = 0
  for (const [at, byte] of bytes.entries()) {
    hash = BigInt.asUintN(64, (hash << 1n) + table[byte]!)
    const length = at + 1 - begin
    const bits = length < 64 * KIB ? 65n : length < 208 * KIB ? 20n : 16n
    if ((bits < 65n && hash >> (64n - bits) === 0n) || length === MIB || at + 1 === bytes.length) {
      ends.push(at + 1)
      begin = at + 1
    }
  }
  return ends
}

describe('the gear', () => {
  it('is what gear.wat says', async () => {
    const wabt = await createWabt()
    const source = await readFile(new URL('../src/chunking/gear.wat', import.meta.url), 'utf8')
    const { buffer } = wabt.parseWat('gear.wat', source).toBinary({})
    expect(GEAR_WASM).toBe(Buffer.from(buffer).toString('base64'))
  })

  it('has the table of the formula', () => {
    const table = Buffer.from(gearTable().buffer)
    expect(table).toHaveLength(2048)
    const first = createHash('sha256').update(Uint8Array.of(0)).digest().subarray(0, 8)
    expect(table.subarray(0, 8)).toEqual(first)
    expect(sha256Of(table)).toBe('7ce4baec6e066f1eee67acca63cb8250455b2443d2642b67aa1183aa3e21f097')
  })

  it('cuts as the written rule does', () => {
    const bytes = sampleBytes(3 * MIB, 'rule')
    expect(cut(bytes)).toEqual(cutSlowly(bytes))
    bytes.fill(0, MIB, 2.5 * MIB) // a run without a cut: chunks of the largest size
    expect(cut(bytes)).toEqual(cutSlowly(bytes))
    expect(lengthsOf(cut(bytes))).toContain(MIB)
  })
})

describe('cuts', () => {
  const sizes = [1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 208 * KIB, MIB - 1, MIB, MIB + 1, 3 * MIB]
  it.each(sizes)('of %i bytes cover them, within the bounds', (size) => {
    for (const bytes of [sampleBytes(size, 'sizes'), new Uint8Array(size)]) {
      const ends = cut(bytes)
      const lengths = lengthsOf(ends)
      expect(ends.at(-1)).toBe(size)
      expect(Math.max(...lengths)).toBeLessThanOrEqual(MIB)
      expect(Math.min(...lengths)).toBeGreaterThan(0)
      expect(lengths.slice(0, -1).every((length) => length >= 64 * KIB)).toBe(true)
    }
  })

  it('of nothing are none', () => expect(cut(new Uint8Array())).toEqual([]))

  it('of zeros come at the largest size', () => {
    expect(cut(new Uint8Array(3 * MIB + 5))).toEqual([MIB, 2 * MIB, 3 * MIB, 3 * MIB + 5])
  })

  it('have 256 KiB on average on random bytes, give or take a tenth', () => {
    const size = 32 * MIB
    const average = size / cut(sampleBytes(size, 'average')).length
    expect(average).toBeGreaterThan(0.9 * 256 * KIB)
    expect(average).toBeLessThan(1.1 * 256 * KIB)
  })

  it('are the same however the bytes are pushed', () => {
    const tensors = [300 * KIB, 100, 700 * KIB].map((size, index) => ({
      name: `t${index}`,
      bytes: sampleBytes(size, `t${index}`),
    }))
    for (const bytes of [sampleBytes(3 * MIB, 'pushes'), sampleSafetensors(tensors, 'x'.repeat(90 * KIB))]) {
      const expected = cut(bytes)
      for (const step of [61, 4096, 64 * KIB - 64, 64 * KIB, 262_145, MIB]) {
        const pushes = Array.from({ length: Math.floor(bytes.length / step) }, () => step)
        expect(cut(bytes, pushes), `pushes of ${step}`).toEqual(expected)
      }
      // One by one through the length, the header's first byte, and the first place where a chunk may end.
      for (const first of [0, 64 * KIB - 70]) {
        const pushes = [...(first > 0 ? [first] : []), ...Array.from({ length: 80 }, () => 1)]
        expect(cut(bytes, pushes)).toEqual(expected)
      }
      expect(
        cut(
          bytes.subarray(0, 300 * KIB),
          Array.from({ length: 300 * KIB }, () => 1),
        ),
      ).toEqual(cut(bytes.subarray(0, 300 * KIB)))
    }
  })

  it('of several blobs at once do not mix', () => {
    const blobs = ['one', 'two', 'three'].map((seed) => sampleBytes(2 * MIB, seed))
    const cutters = blobs.map(({ length }) => createCutter({ size: length }))
    const ends = blobs.map((): number[] => [])
    for (let at = 0; at < 2 * MIB; at += 10_007)
      for (const [index, cutter] of cutters.entries())
        ends[index]!.push(...cutter.push(blobs[index]!.subarray(at, at + 10_007)))
    expect(ends).toEqual(blobs.map((bytes) => cut(bytes)))
  })

  it('of ten thousand blobs leave nothing behind', () => {
    const bytes = sampleBytes(66 * KIB, 'many')
    const cutters = Array.from({ length: 10_000 }, () => createCutter({ size: bytes.length }))
    expect(cutters.map((cutter) => cutter.push(bytes).length)).toEqual(cutters.map(() => 1))
  })

  it('refuse more bytes than the size says', () => {
    const cutter = createCutter({ size: 10 })
    cutter.push(new Uint8Array(10))
    expect(() => cutter.push(new Uint8Array(1))).toThrowError(expect.objectContaining({ code: 'bad-bytes' }))
  })
})

describe('what a change costs', () => {
  const before = sampleBytes(16 * MIB, 'edit')
  const known = new Set(chunksOf(before).map(({ sha256 }) => sha256))
  const freshIn = (after: Uint8Array): Chunk[] => chunksOf(after).filter(({ sha256 }) => !known.has(sha256))

  it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['bytes put in near the front', (bytes) => splice(bytes, 1000, 0, sampleBytes(777, 'new'))],
    ['bytes taken out near the front', (bytes) => splice(bytes, 5000, 333)],
    ['one byte changed in the middle', (bytes) => splice(bytes, 8 * MIB, 1, Uint8Array.of(before[8 * MIB]! ^ 1))],
    ['bytes added at the end', (bytes) => splice(bytes, bytes.length, 0, sampleBytes(100, 'tail'))],
  ])('%s: the chunks around them, no others', (_, change) => {
    const fresh = freshIn(change(before))
    expect(fresh.length).toBeGreaterThan(0)
    expect(fresh.length).toBeLessThanOrEqual(3)
  })

  it('other bytes altogether: everything', () => {
    expect(freshIn(sampleBytes(4 * MIB, 'other'))).toHaveLength(chunksOf(sampleBytes(4 * MIB, 'other')).length)
  })
})

describe('the pass over a blob', () => {
  it.each([0, 1, 64 * KIB, 300_001, 2 * MIB + 1])('of %i bytes finds all names of it in one go', (size) => {
    const bytes = sampleBytes(size, 'pass')
    const pass = createBlobPass({ size, gitOid: true })
    const buffer = new Uint8Array(100_003)
    for (let at = 0; at < size; at += buffer.length) {
      const part = buffer.subarray(0, Math.min(buffer.length, size - at))
      part.set(bytes.subarray(at, at + part.length))
      pass.push(part)
      buffer.fill(0xee) // it may use the bytes only during the call
    }
    const { sha256, gitOid, chunks } = pass.finish()
    expect(sha256).toBe(sha256Of(bytes))
    expect(gitOid).toBe(gitBlobOid(bytes))
    const ends = cut(bytes)
    expect(chunks).toEqual(
      ends.map((end, index) => {
        const chunk = bytes.subarray(ends[index - 1] ?? 0, end)
        return { sha256: sha256Of(chunk), length: chunk.length }
      }),
    )
  })

  it('tells no git oid that nobody asked for', () => {
    expect(createBlobPass({ size: 0, gitOid: false }).finish()).toEqual({
      sha256: sha256Of(new Uint8Array()),
      chunks: [],
    })
  })

  it('refuses fewer or more bytes than the size says', () => {
    const pass = createBlobPass({ size: 10, gitOid: false })
    pass.push(new Uint8Array(9))
    expect(() => pass.finish()).toThrowError(expect.objectContaining({ code: 'bad-bytes' }))
    expect(() => pass.push(new Uint8Array(2))).toThrowError(expect.objectContaining({ code: 'bad-bytes' }))
  })
})

const splice = (bytes: Uint8Array, at: number, removed: number, added: Uint8Array = new Uint8Array()): Uint8Array =>
  new Uint8Array(Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]))
