import { describe, expect, it } from 'vitest'
import {
  type HeldHead,
  MESH_AUDIENCE,
  type Refusal,
  type RepoRef,
  type SiteRef,
  encodeBlock,
  encodeValue,
  headValue,
} from '@hubmesh/content'
import { type OpenStore, useStore } from './store-under-test.ts'

const repo: RepoRef = { type: 'model', id: 'owner/name' }

/** What every CatalogStore does. */
export const catalogStoreSuite = (open: OpenStore): void => {
  describe('catalogs', () => {
    const store = useStore(open)

    it('holds one head for each publisher and audience, and tells of each commit', async () => {
      const { catalogs } = store()
      const heard: HeldHead[] = []
      const stop = catalogs.onCommit((held) => heard.push(held))
      const [first, second, other] = [heldHead('one', 1), heldHead('one', 2), heldHead('other', 1)]
      for (const held of [first, other, second]) await catalogs.commitHead(held)
      expect(catalogs.heads()).toHaveLength(2)
      expect(catalogs.heads()).toEqual(expect.arrayContaining([second, other]))
      expect(heard).toEqual([first, other, second])
      stop()
      await catalogs.commitHead(heldHead('one', 3))
      expect(heard).toHaveLength(3)
    })

    it('does not go back to a lower sequence', async () => {
      const { catalogs } = store()
      await catalogs.commitHead(heldHead('one', 5))
      await expect(catalogs.commitHead(heldHead('one', 4))).rejects.toMatchObject({ code: 'bad-input' })
      expect(catalogs.heads()).toEqual([heldHead('one', 5)])
    })

    it('keeps the last 100 refusals, newest first', async () => {
      const { catalogs } = store()
      for (let number = 0; number < 103; number += 1) await catalogs.recordRefusal(refusal(number))
      expect(catalogs.refusals()).toHaveLength(100)
      expect(catalogs.refusals()[0]).toEqual(refusal(102))
      expect(catalogs.refusals().at(-1)).toEqual(refusal(3))
    })

    it('gathers signatures, one for each signer', async () => {
      const { catalogs } = store()
      const { cid } = encodeBlock({ v: 1 })
      const [a, b] = ['a', 'b'].map((keyid) => ({ keyid, sig: new Uint8Array(64).fill(keyid.charCodeAt(0)) }))
      if (a === undefined || b === undefined) throw new Error('two signatures')
      expect(await catalogs.signatures(cid)).toEqual([])
      await catalogs.addSignatures(cid, [a])
      await catalogs.addSignatures(cid, [a, b])
      expect(await catalogs.signatures(cid)).toEqual([a, b])
      expect(await catalogs.signatures(encodeBlock({ v: 2 }).cid)).toEqual([])
    })

    it('knows where refs stand', async () => {
      const { catalogs } = store()
      const [old, new_, tag] = [siteRef('1'), siteRef('2'), siteRef('3')]
      await catalogs.setView(repo, 'main', old)
      await catalogs.setView(repo, 'refs/tags/v1', tag)
      await catalogs.setView({ type: 'model', id: 'owner/name2' }, 'main', tag)
      await catalogs.setView(repo, 'main', new_)
      expect(await catalogs.view(repo)).toEqual({ main: new_, 'refs/tags/v1': tag })
      expect(await catalogs.view({ type: 'dataset', id: 'owner/name' })).toEqual({})
    })

    it('knows what is held', async () => {
      const { catalogs } = store()
      expect(await catalogs.held(repo)).toEqual({ all: false, paths: new Set() })
      await catalogs.hold(repo, ['b', 'a/ü c'])
      await catalogs.hold(repo, ['b'])
      expect(await catalogs.held(repo)).toEqual({ all: false, paths: new Set(['a/ü c', 'b']) })
      await catalogs.hold(repo, 'all')
      await catalogs.hold({ type: 'dataset', id: 'name' }, ['x'])
      expect(await catalogs.held(repo)).toEqual({ all: true, paths: new Set(['a/ü c', 'b']) })
      expect(await catalogs.heldRepos()).toHaveLength(2)
      expect(await catalogs.heldRepos()).toEqual(expect.arrayContaining([repo, { type: 'dataset', id: 'name' }]))
    })
  })
}

const heldHead = (publisher: string, sequence: number): HeldHead => {
  const dates = { issued: '2026-11-01T00:00:00.000Z', expires: '2026-11-08T00:00:00.000Z' }
  const root = encodeBlock({ v: 1, publisher, sequence }).cid
  const head = { v: 1 as const, publisher, audience: MESH_AUDIENCE, sequence, ...dates, root }
  return { head, envelope: encodeValue(headValue(head)), acceptedAt: dates.issued }
}

const refusal = (number: number): Refusal => ({
  kind: 'rollback',
  publisher: 'publisher',
  subject: `catalog ${number}`,
  reason: 'a lower sequence',
  from: 'peer',
  at: '2026-11-01T00:00:00.000Z',
})

const siteRef = (digit: string): SiteRef => ({
  revision: digit.repeat(40),
  manifest: encodeBlock({ v: 1, digit }).cid,
  since: '2026-11-01T00:00:00.000Z',
})
