import {
  type Cid,
  type CatalogRepo,
  type HeldHead,
  MAX_ENVELOPE_BYTES,
  type RepoRef,
  asGitOid,
  decodeCatalogRoot,
  encodeBlock,
  silentLog,
} from '@hubmesh/content'
import { createMemoryStore } from '@hubmesh/testing'
import { type Signer, acceptHead, createPolicy, sealHead } from '@hubmesh/trust'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { createCatalogWriter } from '../src/catalog-writer.ts'
import { newSigner } from './room.ts'

let store: ReturnType<typeof createMemoryStore>
let signer: Signer
let announced: Uint8Array[]
let provided: Set<Cid>

beforeEach(async () => {
  store = createMemoryStore()
  signer = await newSigner()
  announced = []
  provided = new Set()
})

const open = (announce = async (envelope: Uint8Array) => void announced.push(envelope)) =>
  createCatalogWriter({
    ...store,
    signer,
    log: silentLog,
    swarm: {
      announce,
      provide: (cid) => void provided.add(cid),
      withdraw: (cid) => void provided.delete(cid),
    },
  })

const accept = (envelope: Uint8Array, held: readonly HeldHead[] = []): Promise<HeldHead> =>
  acceptHead(envelope, {
    held,
    policy: createPolicy([{ publishers: [signer.publisher], threshold: 1, repos: ['**'] }]),
  })

const repo = (id: string): RepoRef => ({ type: 'model', id })
const manifest = (name: string): Cid => encodeBlock({ name }).cid
const offerOf = (id: string, revision = '1'): CatalogRepo => {
  const sha = asGitOid(revision.repeat(40))
  const cid = manifest(`${id} ${revision}`)
  return {
    repo: repo(id),
    refs: { main: { revision: sha, manifest: cid, since: '2026-01-01T00:00:00.000Z' } },
    revisions: { [sha]: cid },
  }
}

describe('the catalog', () => {
  test('grows by one shard and the root a change, and every head is accepted after the one before', async () => {
    const writer = open()
    let held: HeldHead[] = []
    let shards: readonly Cid[] | undefined
    for (const id of ['a/one', 'a/two', 'b/three']) {
      await writer.update(repo(id), () => offerOf(id))
      const envelope = announced.at(-1)!
      expect(envelope.length).toBeLessThanOrEqual(MAX_ENVELOPE_BYTES)
      held = [await accept(envelope, held)]
      const root = decodeCatalogRoot((await store.blocks.get(held[0]!.head.root))!.bytes)
      expect(root.sequence).toBe(held[0]!.head.sequence)
      if (shards !== undefined) expect(root.shards.filter((cid, at) => cid !== shards?.[at])).toHaveLength(1)
      shards = root.shards
      for (const cid of shards) expect(await store.blocks.has(cid)).toBe(true)
    }
    const days = (Date.parse(held[0]!.head.expires) - Date.parse(held[0]!.head.issued)) / 86_400_000
    expect(days).toBe(7)
    expect((await writer.repos()).map((one) => one.repo.id).sort()).toEqual(['a/one', 'a/two', 'b/three'])
  })

  test('applies changes one at a time, and none that changes nothing', async () => {
    const writer = open()
    await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        writer.update(repo('a/n'), (held) => ({
          ...(held ?? offerOf('a/n')),
          aliases: [...(held?.aliases ?? []), `o/${at}`],
        })),
      ),
    )
    expect((await writer.offered(repo('a/n')))?.aliases).toHaveLength(20)
    expect(announced).toHaveLength(20)
    await writer.update(repo('a/n'), (held) => held)
    expect(announced).toHaveLength(20)
    expect(await writer.find(repo('o/7'))).toMatchObject({ repo: { id: 'a/n' } })
    expect(await writer.find({ type: 'dataset', id: 'o/7' })).toBeUndefined()
  })

  test('provides what it offers, withdraws what it no longer does, and takes a repo out', async () => {
    const writer = open()
    await writer.update(repo('a/n'), () => offerOf('a/n', '1'))
    expect(provided).toEqual(new Set([manifest('a/n 1')]))
    await writer.update(repo('a/n'), () => offerOf('a/n', '2'))
    expect(provided).toEqual(new Set([manifest('a/n 2')]))
    await writer.update(repo('a/n'), () => undefined)
    expect(provided.size).toBe(0)
    expect(await writer.offered(repo('a/n'))).toBeUndefined()
  })

  test('a change that fails leaves all as it was, and the next one works', async () => {
    const writer = open()
    await writer.update(repo('a/n'), () => offerOf('a/n'))
    await expect(
      writer.update(repo('a/n'), () => ({ ...offerOf('a/n'), refs: { 'not a ref': offerOf('a/n').refs['main']! } })),
    ).rejects.toMatchObject({ code: 'bad-input' })
    expect(announced).toHaveLength(1)
    await writer.update(repo('a/m'), () => offerOf('a/m'))
    expect(await writer.offered(repo('a/n'))).toMatchObject({ refs: { main: {} } })
  })

  test('is committed even where nobody can be told', async () => {
    const writer = open(async () => {
      throw new Error('no network')
    })
    await writer.update(repo('a/n'), () => offerOf('a/n'))
    expect(store.catalogs.heads()).toHaveLength(1)
  })
})

describe('after a start', () => {
  test('goes on where it was, offers it again, and counts on though the clock was set back', async () => {
    const before = open()
    await before.update(repo('a/n'), () => offerOf('a/n'))
    const { sequence } = store.catalogs.heads()[0]!.head
    provided.clear()
    vi.useFakeTimers({ now: Date.now() - 3_600_000, toFake: ['Date'] })
    try {
      const after = open()
      await after.start()
      expect(provided).toEqual(new Set([manifest('a/n 1')]))
      expect(announced).toHaveLength(2) // the same head again, for those who come later
      expect(announced[1]).toEqual(announced[0])
      await after.update(repo('a/m'), () => offerOf('a/m'))
      await after.stop()
    } finally {
      vi.useRealTimers()
    }
    expect(store.catalogs.heads()[0]!.head.sequence).toBe(sequence + 1)
    expect((await accept(announced.at(-1)!)).head.sequence).toBe(sequence + 1)
  })

  test('renews a head that is over a day old, and again each day', async () => {
    const before = open()
    await before.update(repo('a/n'), () => offerOf('a/n'))
    const { head } = store.catalogs.heads()[0]!
    const issued = new Date(Date.now() - 25 * 3_600_000).toISOString()
    store = { ...store, catalogs: createMemoryStore().catalogs }
    const old = { ...head, sequence: head.sequence - 25 * 3_600_000, issued }
    await store.catalogs.commitHead({ head: old, envelope: await sealHead(old, signer), acceptedAt: issued })

    vi.useFakeTimers({ now: Date.now() + 1000, toFake: ['Date', 'setInterval', 'clearInterval'] })
    const after = open()
    try {
      await after.start()
      const renewed = store.catalogs.heads()[0]!.head
      expect(Date.parse(renewed.issued)).toBeGreaterThan(Date.parse(issued))
      expect(renewed.root).not.toBe(head.root)
      expect(await after.offered(repo('a/n'))).toMatchObject({ refs: { main: {} } })

      await vi.advanceTimersByTimeAsync(23 * 3_600_000)
      expect(store.catalogs.heads()[0]!.head.sequence).toBe(renewed.sequence)
      await vi.advanceTimersByTimeAsync(2 * 3_600_000)
      await vi.waitFor(() => expect(store.catalogs.heads()[0]!.head.sequence).toBeGreaterThan(renewed.sequence))
      const held = await accept(announced.at(-1)!)
      expect(Date.parse(held.head.expires) - Date.now()).toBeGreaterThan(6 * 24 * 3_600_000)
    } finally {
      await after.stop()
      vi.useRealTimers()
    }
  })

  test('says what is wrong where its own blocks are lost', async () => {
    await open().update(repo('a/n'), () => offerOf('a/n'))
    store = { ...store, blocks: createMemoryStore().blocks }
    await expect(open().start()).rejects.toMatchObject({ code: 'io', hint: expect.stringContaining('backup') })
  })
})
