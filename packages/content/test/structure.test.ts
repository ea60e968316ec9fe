import { describe, expect, it } from 'vitest'
import { createBlobPass, createCutter } from '../src/index.ts'
import { type SampleTensor, sampleBytes, sampleSafetensors, withHeader } from './samples.ts'

const KIB = 1024
const MIB = 1024 * KIB

const endsOf = (bytes: Uint8Array): number[] => createCutter({ size: bytes.length }).push(bytes)

const digestsOf = (bytes: Uint8Array): Set<string> => {
  const pass = createBlobPass({ size: bytes.length, gitOid: false })
  pass.push(bytes)
  return new Set(pass.finish().chunks.map(({ sha256 }) => sha256))
}

const tensor = (name: string, size: number): SampleTensor => ({ name, bytes: sampleBytes(size, name) })
const TENSORS = [tensor('a', 3 * MIB), tensor('bias', 4 * KIB), tensor('b', 300 * KIB), tensor('c', 2 * MIB + 8)]

const headerEnd = (file: Uint8Array): number => 8 + Number(Buffer.from(file).readBigUInt64LE())

describe('a safetensors file', () => {
  const file = sampleSafetensors(TENSORS)
  const known = digestsOf(file)
  const freshIn = (other: Uint8Array): number => [...digestsOf(other)].filter((sha256) => !known.has(sha256)).length

  it('is cut at the end of its header and at both ends of each large tensor', () => {
    const data = headerEnd(file)
    const [a, bias, b, c] = [3 * MIB, 4 * KIB, 300 * KIB, 2 * MIB + 8]
    for (const end of [data, data + a, data + a + bias, data + a + bias + b, data + a + bias + b + c])
      expect(endsOf(file)).toContain(end)
  })

  it('keeps every chunk but the header when its tensors change places', () => {
    const [a, bias, b, c] = TENSORS as [SampleTensor, SampleTensor, SampleTensor, SampleTensor]
    expect(freshIn(sampleSafetensors([c, a, bias, b]))).toBe(1)
    expect(freshIn(sampleSafetensors([b, bias, c, a]))).toBe(1)
  })

  it('keeps every chunk but the header when that grows, or the file is sharded', () => {
    expect(freshIn(sampleSafetensors(TENSORS, 'x'.repeat(5000)))).toBe(1)
    expect(freshIn(sampleSafetensors(TENSORS.slice(0, 2)))).toBe(1)
    expect(freshIn(sampleSafetensors(TENSORS.slice(2)))).toBe(1)
  })

  it('is not cut at tensors below 256 KiB', () => {
    const small = Array.from({ length: 20 }, (_, index) => tensor(`s${index}`, 200 * KIB))
    const bytes = sampleSafetensors(small)
    expect(endsOf(bytes)).not.toContain(headerEnd(bytes))
    const oneLarge = sampleSafetensors([tensor('s', 256 * KIB - 1), tensor('l', 256 * KIB), tensor('s', 256 * KIB - 1)])
    const data = headerEnd(oneLarge)
    expect(endsOf(oneLarge)).toEqual(
      expect.arrayContaining([data, data + 256 * KIB - 1, data + 512 * KIB - 1, oneLarge.length]),
    )
  })
})

describe('a header that is not what it says', () => {
  // Zeros have no cut of their own below 1 MiB, so each cut in them is a forced one.
  const SIZE = 900 * KIB
  const HALF = 512 * KIB
  const zeros = new Uint8Array(SIZE)
  const at = (begin: unknown, end: unknown): string => `"data_offsets":[${String(begin)},${String(end)}]`
  const forcedIn = (header: string): number[] => forced(withHeader(header, zeros))
  const forced = (bytes: Uint8Array): number[] =>
    endsOf(bytes)
      .slice(0, -1)
      .map((end) => end - headerEnd(bytes))

  it.each<[string, string]>([
    ['no tensors', '{}'],
    ['small tensors alone', `{"a":{${at(0, 256 * KIB - 1)}}}`],
    ['beyond the end', `{"a":{${at(0, SIZE + 1)}}}`],
    ['backwards', `{"a":{${at(HALF, 0)}}}`],
    ['negative', `{"a":{${at(-HALF, HALF)}}}`],
    ['fractions', `{"a":{${at(0.5, HALF + 0.5)}}}`],
    ['exponents', `{"a":{${at(0, '5e5')}}}`],
    ['numbers beyond all bounds', `{"a":{${at(0, '9'.repeat(400))}}}`],
    ['one number', `{"a":{"data_offsets":[${HALF}]}}`],
    ['three numbers', `{"a":{"data_offsets":[0,${HALF},1]}}`],
    ['offsets inside a string', JSON.stringify({ a: `{${at(0, HALF)}}` })],
    ['no brace in front', `["a",{${at(0, HALF)}}]`],
  ])('%s: no forced cuts', (_, header) => expect(forcedIn(header)).toEqual([]))

  it('good tensors count beside bad ones, blanks and all', () => {
    expect(forcedIn(`{"bad":{${at(0, 1e12)}},"good":{ "data_offsets" :\n[ 0 ,\t${HALF} ]}`)).toEqual([0, HALF])
  })

  it('tensors count in whatever order they stand, and how often', () => {
    const [first, second] = [at(4, HALF), at(HALF, SIZE - 1)]
    for (const header of [`{${first}${second}}`, `{${second}${first}}`, `{${first}${second}${first}}`])
      expect(forcedIn(header)).toEqual([0, 4, HALF, SIZE - 1])
  })

  it('a tensor that begins inside another does not count', () => {
    const header = `{"b":{${at(HALF / 2, SIZE - 5)}},"a":{${at(0, HALF)}},"c":{${at(0, HALF + 1)}}}`
    expect(forcedIn(header)).toEqual([0, HALF])
  })

  it('cannot force more than two cuts each 256 KiB', () => {
    const header = `{${Array.from({ length: 20_000 }, (_, index) => at(40 * index, 40 * index + 256 * KIB)).join(',')}}`
    expect(forcedIn(header).filter((end) => end >= 0)).toEqual([0, 262_144, 262_160, 524_304, 524_320, 786_464])
  })

  it.each<[string, bigint]>([
    ['0', 0n],
    ['1', 1n],
    ['more than the file', 3n * BigInt(MIB)],
    ['over 16 MiB', 16n * BigInt(MIB) + 1n],
    ['2^63', 2n ** 63n],
    ['2^64 - 1', 2n ** 64n - 1n],
  ])('a length of %s: cut by content alone', (_, length) => {
    const bytes = withHeader(`{${at(0, HALF)}}`, zeros)
    Buffer.from(bytes.buffer).writeBigUInt64LE(length)
    expect(endsOf(bytes)).toEqual([bytes.length])
  })

  it('a file that ends in its header, or in the length of it, is cut by content alone', () => {
    const bytes = withHeader(`{${at(0, HALF)}}`.padEnd(300 * KIB), new Uint8Array(100 * KIB))
    expect(endsOf(bytes)).toEqual([bytes.length])
    for (const size of [1, 7, 8, 9, 20, 280 * KIB]) expect(endsOf(bytes.subarray(0, size))).toEqual([size])
  })

  it('16 MiB of names, blanks or digits are looked through in good time', () => {
    const fill = (text: string): string => `{${text.repeat(Math.floor((16 * MIB - 100) / text.length))}`
    for (const text of ['[', '"data_offsets"', '"data_offsets":[', '"data_offsets":[1,'])
      expect(endsOf(withHeader(fill(text), zeros)).at(-1)).toBeGreaterThan(16 * MIB)
    for (const text of [' ', '1'])
      expect(endsOf(withHeader(`{"data_offsets":[${fill(text).slice(99)}`, zeros))).not.toEqual([])
  })

  it('the largest header that is looked at is 16 MiB', () => {
    const header = `{"a":{${at(0, HALF)}}`.padEnd(16 * MIB)
    const bytes = withHeader(header, zeros)
    expect(endsOf(bytes)).toContain(headerEnd(bytes) + HALF)
    const longer = withHeader(`${header} `, zeros)
    expect(endsOf(longer)).not.toContain(headerEnd(longer) + HALF)
  })
})
