import { Bitmap, MIB, MeshError, type RepoStatus, blockCid, chunkCid, sha256Of } from '@hubmesh/content'
import { type StoreParts, createMemoryStore, sampleBytes } from '@hubmesh/testing'
import { describe, expect, it } from 'vitest'
import { REPO, fileOf, read, seedAndOffice, signal, startOffice, until } from './office.ts'

const LARGE = sampleBytes(6 * MIB, 1)
const SMALL = sampleBytes(1000, 7)
/** As many bytes inserted near the front: a few chunks change. */
const EDITED = new Uint8Array(Buffer.concat([LARGE.subarray(0, 100_000), sampleBytes(50, 2), LARGE.subarray(100_000)]))
const FIRST = { 'large.bin': LARGE, 'config.json': sampleBytes(500, 3), 'unread.bin': sampleBytes(2 * MIB, 4) }
const SECOND = { ...FIRST, 'large.bin': EDITED, 'config.json': sampleBytes(600, 5), 'new.txt': sampleBytes(9, 6) }

const fetchedBytes = (fetches: readonly { length: number }[]): number =>
  fetches.reduce((sum, { length }) => sum + length, 0)

describe('following', () => {
  const held = async (options: Parameters<typeof seedAndOffice>[1] = {}) => {
    const at = await seedAndOffice(FIRST, options)
    await read(at.snapshot, 'large.bin')
    await read(at.snapshot, 'config.json')
    const names = await until(async () => (await at.store.catalogs.held(REPO)).paths.size === 2).then(() =>
      at.store.catalogs.view(REPO),
    )
    expect(Object.keys(names).toSorted()).toEqual([at.published.revision, 'main'].toSorted())
    return at
  }
  const revisionOf = async ({ library }: { library: { resolve: typeof Function.prototype } }, name = 'main') =>
    (await library.resolve(REPO, name, signal)).revision as string

  it('fetches what is held of a new revision, only what has changed, and moves when it is here', async () => {
    const at = await held()
    const before = at.link.fetches.length
    const release = Promise.withResolvers<void>()
    at.link.hold = () => release.promise
    const second = await at.seed.publish(REPO, SECOND)
    at.link.tell(second.envelope)
    await until(() => at.link.waiting() > 0)
    expect(await revisionOf(at)).toBe(at.published.revision)
    expect(await row(at)).toMatchObject({ revision: at.published.revision, offered: second.revision })
    release.resolve()
    await until(async () => (await revisionOf(at)) === second.revision)
    const moved = at.link.fetches.slice(before)
    expect(new Set(moved.map(({ priority }) => priority))).toEqual(new Set(['prefetch']))
    expect(fetchedBytes(moved)).toBeLessThan(2 * MIB)
    expect(at.meter.read().localBytes).toBeGreaterThan(4 * MIB)
    for (const [path, isHere] of [
      ['large.bin', true],
      ['config.json', true],
      ['unread.bin', false],
    ] as const)
      expect(await at.store.blobs.has(second.files.get(path)?.sha256 ?? sha256Of(LARGE))).toBe(isHere)
    at.link.disconnect()
    const snapshot = await at.library.resolve(REPO, 'main', signal)
    expect(Buffer.compare(await read(snapshot, 'large.bin'), EDITED)).toBe(0)
    const old = await at.library.resolve(REPO, at.published.revision, signal)
    expect(Buffer.compare(await read(old, 'large.bin'), LARGE)).toBe(0)
  })

  it('knows the ref again by which clients that go by sha have come', async () => {
    const at = await seedAndOffice(FIRST)
    const bySha = await at.library.resolve(REPO, at.published.revision, signal)
    await read(bySha, 'config.json')
    await until(async () => 'main' in (await at.store.catalogs.view(REPO)))
    at.link.hold = () => new Promise(() => {})
    at.link.tell((await at.seed.publish(REPO, SECOND)).envelope)
    await until(() => at.link.waiting() > 0)
    expect(await revisionOf(at)).toBe(at.published.revision)
  })

  it('moves at once where it is told to be eager', async () => {
    const at = await held({ follow: 'eager' })
    at.link.hold = () => new Promise(() => {})
    const second = await at.seed.publish(REPO, SECOND)
    at.link.tell(second.envelope)
    await until(async () => (await revisionOf(at)) === second.revision)
    await until(() => at.link.waiting() > 0)
  })

  it('moves by a pull alone where it is told so', async () => {
    const at = await held({ follow: 'manual' })
    const before = at.link.fetches.length
    const second = await at.seed.publish(REPO, SECOND)
    at.link.tell(second.envelope)
    await until(async () => (await row(at)).offered === second.revision)
    expect(await revisionOf(at)).toBe(at.published.revision)
    expect((await at.library.resolve(REPO, 'main', { ...signal, newest: true })).revision).toBe(second.revision)
    expect(at.link.fetches.length).toBe(before)
    const { snapshot } = await at.library.pull(REPO, 'main', signal)
    expect(snapshot.revision).toBe(second.revision)
    expect(await revisionOf(at)).toBe(second.revision)
  })

  it('moves at once what nobody here has asked for', async () => {
    const at = await seedAndOffice(FIRST)
    const second = await at.seed.publish(REPO, SECOND)
    at.link.tell(second.envelope)
    await until(async () => (await revisionOf(at)) === second.revision)
    expect(at.link.fetches).toEqual([])
    expect(await at.store.catalogs.view(REPO)).toEqual({})
  })

  it('goes for the newest when another comes meanwhile', async () => {
    const at = await held()
    at.link.hold = () => new Promise(() => {})
    at.link.tell((await at.seed.publish(REPO, SECOND)).envelope)
    await until(() => at.link.waiting() > 0)
    const third = await at.seed.publish(REPO, { ...FIRST, 'config.json': sampleBytes(700, 8) })
    at.link.hold = async () => {}
    at.link.tell(third.envelope)
    await until(async () => (await revisionOf(at)) === third.revision)
  })

  const row = async ({ library }: { library: { repos(): Promise<RepoStatus[]> } }): Promise<RepoStatus> => {
    const found = (await library.repos()).find(({ ref }) => ref === 'main')
    if (found === undefined) throw new Error('no row')
    return found
  }
})

describe('a rule to hold', () => {
  const whole = async ({ store }: { store: StoreParts }, files: Record<string, Uint8Array>): Promise<unknown> =>
    until(async () =>
      (await Promise.all(Object.values(files).map((file) => store.blobs.has(sha256Of(file))))).every(Boolean),
    )

  it.each(['acme/*', 'model:**'])('%s brings in what nobody asked for, and follows it', async (glob) => {
    const at = await seedAndOffice(FIRST, { hold: [glob] })
    await whole(at, FIRST)
    await until(async () => (await at.library.repos())[0]?.complete === true)
    at.link.tell((await at.seed.publish(REPO, SECOND)).envelope)
    await whole(at, SECOND)
  })

  it('brings in the rest of what was read in part', async () => {
    const at = await seedAndOffice(FIRST)
    await read(at.snapshot, 'config.json')
    await until(async () => 'main' in (await at.store.catalogs.view(REPO)))
    await at.library.stop()
    const again = await startOffice({ trust: [at.seed], store: at.store, hold: ['**'] })
    again.link.connect(at.seed.store)
    await whole(again, FIRST)
  })

  it('leaves others alone', async () => {
    const at = await seedAndOffice(FIRST, { hold: ['dataset:**', 'other/*'] })
    await until(async () => (await at.library.repos()).length > 0)
    expect(at.link.fetches).toEqual([])
    expect(await at.store.catalogs.heldRepos()).toEqual([])
  })
})

describe('a pull', () => {
  it('fetches all, holds all, and tells how far it is', async () => {
    const { library, store, link } = await seedAndOffice(FIRST)
    const told: number[] = []
    const result = await library.pull(REPO, 'main', { ...signal, onProgress: ({ bytesDone }) => told.push(bytesDone) })
    const bytes = Object.values(FIRST).reduce((sum, file) => sum + file.length, 0)
    expect(result).toMatchObject({ files: 3, filesDone: 3, bytes, bytesDone: bytes })
    expect(told.at(-1)).toBe(bytes)
    expect(told).toEqual(told.toSorted((a, b) => a - b))
    for (const file of Object.values(FIRST)) expect(await store.blobs.has(sha256Of(file))).toBe(true)
    expect((await store.catalogs.held(REPO)).all).toBe(true)
    expect(await library.repos()).toMatchObject([{ ref: 'main', files: 3, bytes, bytesHeld: bytes, complete: true }])
    expect(fetchedBytes(link.fetches)).toBe(bytes)
    await library.pull(REPO, 'main', signal)
    expect(fetchedBytes(link.fetches)).toBe(bytes)
  })

  it('fetches and holds what it names', async () => {
    const { library, store } = await seedAndOffice(FIRST)
    const result = await library.pull(REPO, 'main', { ...signal, include: ['*.bin'], exclude: ['unread*'] })
    expect(result.entries.map(({ path }) => path)).toEqual(['large.bin'])
    const { all, paths } = await store.catalogs.held(REPO)
    expect([all, [...paths]]).toEqual([false, ['large.bin']])
    expect(await library.repos()).toMatchObject([{ complete: false, bytesHeld: LARGE.length }])
  })

  it('goes on where another was broken off, after a restart too', async () => {
    const at = await seedAndOffice(FIRST)
    const leaving = new AbortController()
    at.link.hold = async ({ set, index }) =>
      set === (await fileOf(at.snapshot, 'large.bin')).list && index < 5 ? undefined : new Promise(() => {})
    const pulling = at.library.pull(REPO, 'main', { signal: leaving.signal })
    await until(() => at.link.fetches.length - at.link.waiting() >= 5)
    leaving.abort(new Error('enough'))
    await expect(pulling).rejects.toThrow('enough')
    await at.library.stop()
    expect(at.link.waiting()).toBe(0)
    expect(at.link.unreleased).toBe(0)
    const got = at.link.fetches.length - at.link.abandoned

    const again = await startOffice({ trust: [at.seed], store: at.store })
    again.link.connect(at.seed.store)
    await until(() => at.store.blobs.has(sha256Of(LARGE)))
    await until(() => at.store.blobs.has(sha256Of(FIRST['unread.bin'])))
    const all = Object.values(FIRST).reduce((sum, file) => sum + file.length, 0)
    expect(got).toBeGreaterThanOrEqual(5)
    expect(fetchedBytes(again.link.fetches)).toBeLessThan(all)
    expect(
      again.link.fetches.some(({ set, index }) => set === at.published.files.get('large.bin')?.list && index < 5),
    ).toBe(false)
    expect(again.link.provided).toContain(at.published.manifest)
  })

  it('outlives its first source', async () => {
    const at = await seedAndOffice(FIRST)
    const copy = createMemoryStore()
    const other = await startOffice({ trust: [at.seed], store: copy })
    other.link.connect(at.seed.store)
    other.link.tell(at.published.envelope)
    await other.library.pull(REPO, 'main', signal)
    at.link.disconnect()
    const pulling = at.library.pull(REPO, 'main', signal)
    await until(() => at.link.waiting() > 0 || at.link.blocksAsked.length > 5)
    at.link.connect(copy)
    expect((await pulling).filesDone).toBe(3)
  })

  it('fetches again a chunk that the disk loses while the whole is hashed', async () => {
    const store = createMemoryStore()
    const openPartial = store.blobs.openPartial.bind(store.blobs)
    // As the disk store does: the whole is hashed once all is here, and a chunk that was damaged is wanted again.
    store.blobs.openPartial = async (plan) => {
      const partial = await openPartial(plan)
      const have = new Bitmap(plan.chunks)
      const finished = Promise.withResolvers<void>()
      let losses = 0
      return {
        ...partial,
        have,
        finished: finished.promise,
        adopt: async () => [],
        putChunk: async (index, bytes) => {
          await partial.putChunk(index, bytes)
          have.set(index)
          if (!have.complete) return
          if (losses > 0) finished.resolve()
          else setTimeout(() => have.clear(1), 100)
          losses += 1
        },
      }
    }
    const { library, link, snapshot } = await seedAndOffice({ 'large.bin': LARGE }, { store })
    const { list } = await fileOf(snapshot, 'large.bin')
    expect((await library.pull(REPO, 'main', signal)).bytesDone).toBe(LARGE.length)
    expect(link.fetches.filter(({ set, index }) => set === list && index === 1).length).toBe(2)
  })

  it('of one chunk is read on where the disk is full', async () => {
    const store = createMemoryStore()
    const full = async (): Promise<never> => {
      throw new MeshError('no-space', 'the disk is full')
    }
    Object.assign(store.blobs, { putBlob: full, adoptBlob: full })
    const { snapshot } = await seedAndOffice({ 'small.bin': SMALL }, { store })
    expect(Buffer.compare(await read(snapshot, 'small.bin'), SMALL)).toBe(0)
  })

  it('fails when its disk is full, and a reader reads on', async () => {
    const store = createMemoryStore()
    const openPartial = store.blobs.openPartial.bind(store.blobs)
    store.blobs.openPartial = async (plan) => ({
      ...(await openPartial(plan)),
      putChunk: async () => {
        throw new MeshError('no-space', 'the disk is full')
      },
    })
    const { library, snapshot, link } = await seedAndOffice({ 'large.bin': LARGE }, { store })
    await expect(library.pull(REPO, 'main', signal)).rejects.toMatchObject({ code: 'no-space' })
    expect(Buffer.compare(await read(snapshot, 'large.bin'), LARGE)).toBe(0)
    await until(() => link.unreleased === 0)
  })
})

describe('a HEAD', () => {
  it('fetches the beginning of a file, and holds nothing', async () => {
    const at = await seedAndOffice({ 'large.bin': sampleBytes(9 * MIB, 9) })
    expect(await at.snapshot.source(await fileOf(at.snapshot, 'large.bin'))).toBe('seed')
    at.snapshot.warm(await fileOf(at.snapshot, 'large.bin'))
    at.snapshot.warm(await fileOf(at.snapshot, 'large.bin'))
    await until(() => at.link.fetches.length > 2 && at.link.waiting() === 0)
    expect(fetchedBytes(at.link.fetches)).toBeLessThanOrEqual(4 * MIB)
    expect(fetchedBytes(at.link.fetches)).toBeGreaterThan(2 * MIB)
    expect((await at.store.catalogs.held(REPO)).paths.size).toBe(0)
  })
})

describe('a block by its CID', () => {
  it('is given where it is here, and nobody is asked for it', async () => {
    const { library, link, published, snapshot } = await seedAndOffice({ 'small.bin': SMALL, 'large.bin': LARGE })
    const chunk = chunkCid(sha256Of(SMALL))
    expect(await library.block(chunk)).toBeUndefined()
    await read(snapshot, 'small.bin')
    expect(sha256Of((await library.block(chunk)) ?? new Uint8Array())).toBe(sha256Of(SMALL))
    expect(await library.block(published.manifest)).toEqual(published.root.bytes)
    const asked = link.blocksAsked.length
    expect(await library.block(blockCid(sha256Of(SMALL)))).toBeUndefined()
    expect(link.blocksAsked.length).toBe(asked)
  })
})

describe('status', () => {
  it('shows what is on its way', async () => {
    const at = await seedAndOffice(FIRST)
    const list = (await fileOf(at.snapshot, 'large.bin')).list
    at.link.hold = async ({ set, index }) => (set === list && index < 4 ? undefined : new Promise(() => {}))
    const leaving = new AbortController()
    const pulling = at.library.pull(REPO, 'main', { signal: leaving.signal, include: ['large.bin'] })
    await until(() => at.library.transfers().some(({ done }) => done > 0))
    expect(at.library.transfers()[0]).toMatchObject({
      repo: 'model:acme/voice',
      path: 'large.bin',
      bytes: LARGE.length,
      sources: ['seed'],
    })
    const [row] = await at.library.repos()
    expect(row?.bytesHeld).toBeGreaterThan(0)
    leaving.abort(new Error('enough'))
    await expect(pulling).rejects.toThrow('enough')
    await until(() => at.library.transfers().length === 0)
  })
})
