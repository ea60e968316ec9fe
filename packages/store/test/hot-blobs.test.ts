import { statSync } from 'node:fs'
import { KIB, type Sha256 } from '@hubmesh/content'
import { expect, it } from 'vitest'
import { createHotBlobs } from '../src/hot-blobs.ts'

const name = (letter: string): Sha256 => letter.repeat(64) as Sha256
const stats = statSync('.', { bigint: true })
const blob = (size: number) => ({ bytes: new Uint8Array(size), path: '', stats })

it('keeps the small blobs that were read last, up to its bound', () => {
  const hot = createHotBlobs(10 * KIB)
  hot.set(name('a'), blob(4 * KIB))
  hot.set(name('b'), blob(4 * KIB))
  expect(hot.get(name('a'))?.bytes).toHaveLength(4 * KIB)
  hot.set(name('c'), blob(4 * KIB))
  expect(['a', 'b', 'c'].map((letter) => hot.get(name(letter)) !== undefined)).toEqual([true, false, true])
  hot.set(name('a'), blob(KIB)) // in place of what it was
  hot.set(name('d'), blob(5 * KIB))
  expect(['a', 'c', 'd'].map((letter) => hot.get(name(letter)) !== undefined)).toEqual([true, true, true])
  hot.delete(name('a'))
  expect(hot.get(name('a'))).toBeUndefined()
})
