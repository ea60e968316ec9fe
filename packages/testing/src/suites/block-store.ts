import { describe, expect, it } from 'vitest'
import { encodeBlock } from '@hubmesh/content'
import { type OpenStore, useStore } from './store-under-test.ts'

/** What every BlockStore does. */
export const blockStoreSuite = (open: OpenStore): void => {
  describe('blocks', () => {
    const store = useStore(open)
    const blocks = [encodeBlock({ v: 1, name: 'one' }), encodeBlock({ v: 1, name: 'two' })]

    it('gives back what was put', async () => {
      await store().blocks.put(blocks)
      for (const block of blocks) {
        expect(await store().blocks.has(block.cid)).toBe(true)
        expect(await store().blocks.get(block.cid)).toEqual(block)
      }
    })

    it('takes a block twice, and none', async () => {
      await store().blocks.put([])
      await store().blocks.put(blocks)
      await store().blocks.put(blocks)
      expect(await store().blocks.get(encodeBlock({ v: 1, name: 'one' }).cid)).toEqual(blocks[0])
    })

    it('does not know another', async () => {
      const { cid } = encodeBlock({ v: 1, name: 'three' })
      expect(await store().blocks.get(cid)).toBeUndefined()
      expect(await store().blocks.has(cid)).toBe(false)
    })
  })
}
