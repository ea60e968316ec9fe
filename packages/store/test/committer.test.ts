import { describe, expect, it } from 'vitest'
import { createCommitter } from '../src/committer.ts'

describe('a group commit', () => {
  it('takes any number of changes', async () => {
    const applied: number[] = []
    const commit = createCommitter<number>(async (changes) => void applied.push(changes.length))
    await commit(Array.from({ length: 300_000 }, (_, index) => index))
    expect(applied).toEqual([300_000])
  })
})
