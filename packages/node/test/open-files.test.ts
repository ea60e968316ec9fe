import { expect, it } from 'vitest'
import { openFilesLimit, shareOpenFiles } from '../src/open-files.ts'

it.each([
  [Infinity, { peers: 1000, readers: 2048 }],
  [20_000, { peers: 1000, readers: 2048 }],
  [4096, { peers: 1000, readers: 1258 }],
  [1024, { peers: 234, readers: 234 }],
  [256, { peers: 42, readers: 42 }],
])('of %d open files, peers and readers get their share, and the store the rest', (limit, expected) => {
  expect(shareOpenFiles(limit)).toEqual(expected)
})

it('the limit is that of this process', async () => {
  expect(await openFilesLimit()).toBeGreaterThan(0)
})
