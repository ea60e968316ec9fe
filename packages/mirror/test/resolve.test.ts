import { type RepoRef, type RepoType, asRepo, decodeManifest, silentLog } from '@hubmesh/content'
import { sampleBytes } from '@hubmesh/testing'
import { acceptHead, createPolicy } from '@hubmesh/trust'
import { describe, expect, it } from 'vitest'
import { createBlocks } from '../src/blocks.ts'
import { DEFAULT_LIMITS } from '../src/limits.ts'
import { createManifests } from '../src/manifests.ts'
import { createRefusals } from '../src/refusals.ts'
import { createLink } from './link.ts'
import { REPO, never, seedAndOffice, signal, startOffice, until } from './office.ts'
import { type Seed, createSeed } from './seed.ts'

const FILES = { 'a.txt': sampleBytes(100, 1), 'dir/b.txt': sampleBytes(100, 2) }
const OTHER: RepoRef = { type: 'model', id: 'acme/other' }
const since = new Date().toISOString()
const limits = { resolveMs: 60 }

describe('a revision', () => {
  it('is found by branch, tag, ref, sha and HEAD', async () => {
    const { seed, library, link, published } = await seedAndOffice(FILES)
    const tagged = await seed.commit(REPO, FILES)
    const pointing = { revision: tagged.revision, manifest: tagged.manifest, since }
    const main = { revision: published.revision, manifest: published.manifest, since }
    const refs = { main, 'refs/tags/v1': pointing, 'refs/pr/3': pointing, dev: pointing }
    seed.offer(REPO, { refs, defaultBranch: 'dev' })
    link.tell(await seed.seal())
    await until(async () => 'dev' in (await library.repo(REPO)).refs)
    const found = async (name: string) => (await library.resolve(REPO, name, signal)).revision
    for (const name of ['main', 'refs/heads/main', published.revision, published.revision.slice(0, 7)])
      expect(await found(name)).toBe(published.revision)
    for (const name of ['HEAD', 'dev', 'v1', 'refs/tags/v1', 'refs/pr/3', tagged.revision])
      expect(await found(name)).toBe(tagged.revision)
    for (const name of ['nope', published.revision.slice(0, 6), 'f'.repeat(40), '__proto__', 'constructor', ''])
      await expect(found(name)).rejects.toMatchObject({ code: 'revision-not-found' })
  })

  it('stays readable by its sha when the ref has moved on', async () => {
    const { seed, library, link, published } = await seedAndOffice(FILES)
    const second = await seed.publish(REPO, { 'a.txt': sampleBytes(5, 5) })
    link.tell(second.envelope)
    await until(async () => (await library.resolve(REPO, 'main', signal)).revision === second.revision)
    const old = await library.resolve(REPO, published.revision, signal)
    expect((await old.entries(signal)).map(({ path }) => path)).toEqual(['a.txt', 'dir/b.txt'])
    expect(old.since).toBe(old.manifest.createdAt)
  })

  it('has its commits, newest first, from itself on', async () => {
    const { seed, library, link, published } = await seedAndOffice(FILES)
    const second = await seed.publish(REPO, FILES)
    link.tell(second.envelope)
    await until(async () => (await library.resolve(REPO, 'main', signal)).revision === second.revision)
    const ids = async (name: string) => (await library.commits(REPO, name, signal)).map(({ id }) => id)
    expect(await ids('main')).toEqual([second.revision, published.revision])
    expect(await ids(published.revision)).toEqual([published.revision])
  })

  it('can be listed after the seed has gone, without anybody having asked', async () => {
    const seed = await createSeed()
    const { envelope, root } = await seed.publish(REPO, FILES)
    const pages = decodeManifest(root.bytes).entries
    const { library, link, store } = await startOffice({ trust: [seed] })
    link.connect(seed.store)
    link.tell(envelope)
    await until(async () => (await Promise.all(pages.map((page) => store.blocks.has(page)))).every(Boolean))
    link.disconnect()
    const snapshot = await library.resolve(REPO, 'main', signal)
    expect((await snapshot.entries(signal)).length).toBe(2)
    expect(await snapshot.entry('dir/b.txt', signal)).toMatchObject({ path: 'dir/b.txt', size: 100 })
    expect(await snapshot.entry('dir', signal)).toBeUndefined()
  })
})

describe('what is not known yet', () => {
  const fresh = async (options: { pending?: (repo: RepoRef) => boolean } = {}) => {
    const seed = await createSeed()
    const office = await startOffice({ trust: [seed], limits, ...options })
    office.link.connect(seed.store)
    return { seed, ...office }
  }
  const heard = async (at: { seed: Seed } & Awaited<ReturnType<typeof startOffice>>) => {
    at.link.tell(await at.seed.seal())
    await until(() => at.store.catalogs.heads().length === 1)
  }

  it('is not-ready while no catalog has come from anyone who is trusted', async () => {
    const { library } = await fresh()
    await expect(library.resolve(REPO, 'main', signal)).rejects.toMatchObject({ code: 'not-ready', retryAfter: 5 })
    await expect(library.repo(REPO)).rejects.toMatchObject({ code: 'not-ready' })
    expect(await library.list('model')).toEqual([])
  })

  it('is repo-not-found once one has come, and has not got it', async () => {
    const at = await fresh()
    await heard(at)
    await expect(at.library.resolve(REPO, 'main', signal)).rejects.toMatchObject({ code: 'repo-not-found' })
    await expect(at.library.repo(REPO)).rejects.toMatchObject({ code: 'repo-not-found' })
  })

  it('is not-ready while this node is about to offer it itself', async () => {
    const at = await fresh({ pending: ({ id }) => id === REPO.id })
    await heard(at)
    await expect(at.library.resolve(REPO, 'main', signal)).rejects.toMatchObject({ code: 'not-ready' })
    await expect(at.library.resolve(OTHER, 'main', signal)).rejects.toMatchObject({ code: 'repo-not-found' })
  })

  it('is not-ready while its seed pulls it for the first time, and revision-not-found after', async () => {
    const at = await fresh()
    at.seed.offer(REPO, { job: { state: 'pulling', since } })
    await heard(at)
    await expect(at.library.resolve(REPO, 'main', signal)).rejects.toMatchObject({ code: 'not-ready' })
    at.link.tell((await at.seed.publish(REPO, FILES)).envelope)
    await until(async () => Object.keys((await at.library.repo(REPO)).refs).length > 0)
    await expect(at.library.resolve(REPO, 'dev', signal)).rejects.toMatchObject({ code: 'revision-not-found' })
  })

  it('is repo-not-found where it was removed', async () => {
    const { seed, library, link } = await seedAndOffice(FILES)
    seed.offer(REPO, { removed: true })
    link.tell(await seed.seal())
    await until(async () => (await library.list('model')).length === 0)
    await expect(library.resolve(REPO, 'main', signal)).rejects.toMatchObject({ code: 'repo-not-found' })
  })

  it('is waited for', async () => {
    const seed = await createSeed()
    const { library, link } = await startOffice({ trust: [seed] })
    const resolving = library.resolve(REPO, 'main', signal)
    const { envelope, revision } = await seed.publish(REPO, FILES)
    link.connect(seed.store)
    link.tell(envelope)
    expect((await resolving).revision).toBe(revision)
  })

  it('is not-ready in time, also where blocks of a catalog that is held are gone', async () => {
    const seed = await createSeed()
    const policy = createPolicy([{ publishers: [seed.publisher], threshold: 1, repos: ['**'] }])
    const { library, link, store } = await startOffice({ trust: [seed], limits: { ...limits, blockMs: 600_000 } })
    link.fetchBlock = (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    await store.catalogs.commitHead(await acceptHead((await seed.publish(REPO, FILES)).envelope, { policy }))
    await expect(library.resolve(REPO, 'main', signal)).rejects.toMatchObject({ code: 'not-ready' })
  })

  it('ends with its signal', async () => {
    const { library } = await startOffice({ trust: [await createSeed()] })
    const leaving = new AbortController()
    const resolving = library.resolve(REPO, 'main', leaving)
    leaving.abort(new Error('the client left'))
    await expect(resolving).rejects.toThrow('the client left')
  })
})

describe('several publishers', () => {
  it('are heard in the order of the rule, ref by ref', async () => {
    const [first, second] = [await createSeed(), await createSeed()]
    const theirs = await second.publish(REPO, FILES)
    const { library, link } = await startOffice({ trust: [first, second] })
    link.connect(first.store)
    link.connect(second.store)
    link.tell(theirs.envelope)
    expect((await library.resolve(REPO, 'main', signal)).publisher).toBe(second.publisher)
    const ours = await first.publish(REPO, FILES)
    link.tell(ours.envelope)
    await until(async () => (await library.resolve(REPO, 'main', signal)).publisher === first.publisher)
    expect((await library.resolve(REPO, theirs.revision, signal)).publisher).toBe(second.publisher)
    expect(Object.keys((await library.repo(REPO)).revisions).toSorted()).toEqual(
      [ours.revision, theirs.revision].toSorted(),
    )
  })

  it('are heard only for repos that they are trusted for, also under other names', async () => {
    const [seed, other] = [await createSeed(), await createSeed()]
    const rules = [
      { publishers: [seed.publisher], threshold: 1, repos: ['acme/*', 'old/*'] },
      { publishers: [other.publisher], threshold: 1, repos: ['any/*', 'famous/*'] },
    ]
    const { library, link } = await startOffice({ trust: [], rules, limits })
    link.connect(seed.store)
    link.connect(other.store)
    seed.offer(REPO, { aliases: ['old/voice', 'famous/name'] })
    const { envelope } = await seed.publish(REPO, FILES)
    link.tell(envelope)
    link.tell((await other.publish(REPO, FILES)).envelope)
    link.tell((await other.publish({ type: 'model', id: 'any/thing' }, FILES)).envelope)
    const found = async (type: RepoType, id: string) => library.resolve(asRepo(type, id), 'main', signal)
    await until(async () => (await library.list('model')).length === 2)
    expect((await library.list('model')).map(({ repo }) => repo.id)).toEqual(['acme/voice', 'any/thing'])
    expect(await found('model', 'acme/voice')).toMatchObject({ publisher: seed.publisher })
    expect(await found('model', 'old/voice')).toMatchObject({ publisher: seed.publisher, repo: REPO })
    await expect(found('model', 'famous/name')).rejects.toMatchObject({ code: 'repo-not-found' })
    for (const id of ['acme/other', 'nobody/trusts'])
      await expect(found('model', id)).rejects.toMatchObject({ code: 'repo-not-found' })
    await expect(found('dataset', 'acme/voice')).rejects.toMatchObject({ code: 'repo-not-found' })
  })
})

describe('a manifest', () => {
  it('that two want at the same time is kept once', async () => {
    const { store, publisher, ...seed } = await createSeed()
    const { revision, manifest } = await seed.publish(REPO, FILES)
    const policy = createPolicy([{ publishers: [publisher], threshold: 1, repos: ['**'] }])
    const swarm = createLink()
    const refusals = createRefusals({ catalogs: store.catalogs, log: silentLog })
    const components = { ...store, blocks: createBlocks({ ...store, swarm }, DEFAULT_LIMITS), refusals, swarm }
    const manifests = createManifests(components, { policy, limits: DEFAULT_LIMITS })
    const target = { repo: REPO, revision, manifest }
    const [one, other] = await Promise.all([manifests.local(target), manifests.local(target)])
    expect(one).toBeDefined()
    expect(other).toBe(one)
    const [listed, listedToo] = await Promise.all([one?.local(), one?.listing(never)])
    expect(listedToo).toBe(listed)
  })
})
