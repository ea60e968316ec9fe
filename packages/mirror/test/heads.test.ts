import { MeshError, encodeBlock, silentLog } from '@hubmesh/content'
import { sampleBytes } from '@hubmesh/testing'
import { acceptHead, createPolicy, signManifest } from '@hubmesh/trust'
import { describe, expect, it } from 'vitest'
import { createOffers } from '../src/offers.ts'
import { REPO, createOffice, never, read, seedAndOffice, signal, startOffice, until } from './office.ts'
import { createSeed, newSigner } from './seed.ts'

const FILES = { 'a.txt': sampleBytes(100, 1) }

describe('a head', () => {
  it('that is trusted is followed, however often it is heard', async () => {
    const { seed, library, link, store } = await seedAndOffice(FILES)
    const second = await seed.publish(REPO, { 'a.txt': sampleBytes(100, 2) })
    for (let times = 0; times < 20; times += 1) link.tell(second.envelope, `peer${times}`)
    await until(async () => (await library.resolve(REPO, 'main', signal)).revision === second.revision)
    expect(store.catalogs.refusals()).toEqual([])
    expect(store.catalogs.heads().length).toBe(1)
    expect(new Set(link.blocksAsked).size).toBe(link.blocksAsked.length)
  })

  it('is fetched when a peer connects that has what it names', async () => {
    const seed = await createSeed()
    const { envelope, revision } = await seed.publish(REPO, FILES)
    const { library, link, store } = await startOffice({ trust: [seed] })
    link.tell(envelope, 'gossip')
    await until(() => link.blocksAsked.length > 0)
    expect(store.catalogs.heads()).toEqual([])
    link.connect(seed.store)
    expect((await library.resolve(REPO, 'main', signal)).revision).toBe(revision)
  })

  it('heard before the library started is not lost', async () => {
    const seed = await createSeed()
    const { envelope, revision } = await seed.publish(REPO, FILES)
    const { link, library } = createOffice({ trust: [seed] })
    link.connect(seed.store)
    link.tell(envelope)
    await library.start()
    expect((await library.resolve(REPO, 'main', signal)).revision).toBe(revision)
  })

  const refused = async (
    kind: string,
    attack: (at: Awaited<ReturnType<typeof seedAndOffice>>) => Promise<Uint8Array>,
  ) => {
    const at = await seedAndOffice(FILES)
    const envelope = await attack(at)
    at.link.tell(envelope, 'mallory')
    at.link.tell(envelope, 'mallory')
    await until(() => at.store.catalogs.refusals().length > 0)
    const refusals = at.store.catalogs.refusals()
    expect(refusals.length).toBe(1) // the same thing is written down once
    expect(refusals[0]).toMatchObject({ kind, from: 'mallory' })
    const snapshot = await at.library.resolve(REPO, 'main', signal)
    expect(snapshot.revision).toBe(at.published.revision)
    expect(Buffer.compare(await read(snapshot, 'a.txt'), FILES['a.txt'])).toBe(0)
    return { refusal: refusals[0], ...at }
  }

  it('of an untrusted publisher is refused', async () => {
    const stranger = await createSeed()
    const { refusal } = await refused('untrusted', async () => (await stranger.publish(REPO, FILES)).envelope)
    expect(refusal?.publisher).toBe(stranger.publisher)
  })

  it('that was tampered with is refused', () =>
    refused('signature', async ({ seed }) => {
      const { envelope } = await seed.publish(REPO, FILES)
      const tampered = Buffer.from(envelope)
      const at = tampered.indexOf('mesh')
      tampered[at] = 'M'.charCodeAt(0)
      return new Uint8Array(tampered)
    }))

  it('that is older than the one held is refused', async () => {
    const { refusal, seed } = await refused('rollback', ({ seed }) => seed.seal({ sequence: 1_000 }))
    expect(refusal).toMatchObject({ publisher: seed.publisher, subject: 'catalog 1000' })
  })

  it('with the sequence held and other content is refused', async () => {
    const { refusal } = await refused('equivocation', async ({ seed, store }) => {
      const sequence = store.catalogs.heads()[0]?.head.sequence ?? 0
      seed.offer(REPO, { defaultBranch: 'other' })
      return seed.seal({ sequence })
    })
    expect(refusal?.subject).toMatch(/^catalog \d+$/)
  })

  it('that is over its date when it is new is refused', () =>
    refused('expired', ({ seed }) => seed.seal({ expires: new Date(Date.now() - 1000).toISOString() })))

  it('that is too large is refused', () => refused('endless-data', async () => new Uint8Array(100_000)))

  it('that names the root of another catalog is refused', () =>
    refused('mix-and-match', async ({ seed, store }) => {
      const root = store.catalogs.heads()[0]?.head.root
      if (root === undefined) throw new Error('no head')
      return seed.seal({ root })
    }))

  it('that names what is no catalog is refused', () =>
    refused('malformed', async ({ seed }) => {
      const junk = encodeBlock({ v: 1, junk: true })
      await seed.store.blocks.put([junk])
      return seed.seal({ root: junk.cid })
    }))

  it('that has expired since is served on, and marked', async () => {
    const { seed, link, store } = await seedAndOffice(FILES)
    const expires = new Date(Date.now() + 150).toISOString()
    link.tell(await seed.seal({ expires }))
    await until(() => store.catalogs.heads()[0]?.head.expires === expires)
    await until(() => Date.now() > Date.parse(expires))
    const { library } = await startOffice({ trust: [seed], store })
    const snapshot = await library.resolve(REPO, 'main', signal)
    expect(snapshot.stale).toBe(true)
    expect((await library.repo(REPO)).stale).toBe(true)
    expect((await library.repos())[0]).toMatchObject({ stale: true, id: 'acme/voice' })
  })
})

describe('a manifest', () => {
  const offered = async (make: (at: Awaited<ReturnType<typeof seedAndOffice>>) => Promise<{ manifest: string }>) => {
    const at = await seedAndOffice(FILES)
    await read(at.snapshot, 'a.txt')
    const revision = 'a'.repeat(40)
    const { manifest } = await make(at)
    at.seed.offer(REPO, { refs: { main: { revision, manifest, since: new Date().toISOString() } } } as object)
    at.link.tell(await at.seed.seal())
    return at
  }

  it('of another revision than the catalog says is refused, and the old revision served', async () => {
    const { library, store, published, seed } = await offered(({ seed }) => seed.commit(REPO, FILES))
    await until(() => store.catalogs.refusals().length > 0)
    expect(store.catalogs.refusals()[0]).toMatchObject({
      kind: 'mix-and-match',
      publisher: seed.publisher,
      subject: `model:acme/voice@${'a'.repeat(40)}`,
    })
    expect((await library.resolve(REPO, 'main', signal)).revision).toBe(published.revision)
  })

  it('that a stranger signed is refused, and the old revision served', async () => {
    const { seed, library, store, link, published } = await seedAndOffice(FILES)
    const stranger = await newSigner()
    const bad = await seed.commit(REPO, { 'a.txt': sampleBytes(7, 7) }, { signers: [stranger] })
    const since = new Date().toISOString()
    seed.offer(REPO, { refs: { main: { revision: bad.revision, manifest: bad.manifest, since } } })
    link.tell(await seed.seal())
    await until(() => store.catalogs.refusals().length > 0)
    expect(store.catalogs.refusals()[0]).toMatchObject({ kind: 'untrusted', publisher: stranger.publisher })
    expect((await library.resolve(REPO, 'main', signal)).revision).toBe(published.revision)
    await expect(library.pull(REPO, 'main', signal)).rejects.toMatchObject({ code: 'refused', kind: 'untrusted' })
  })

  it('needs as many signatures as the rule says, from whichever peers', async () => {
    const [seed, approver] = [await createSeed(), await createSeed()]
    const made = await seed.commit(REPO, FILES)
    const since = new Date().toISOString()
    seed.offer(REPO, { refs: { main: { revision: made.revision, manifest: made.manifest, since } } })
    const { library, link } = await startOffice({ trust: [seed, approver], threshold: 2 })
    link.connect(seed.store)
    link.tell(await seed.seal())
    await expect(library.resolve(REPO, 'main', signal)).rejects.toMatchObject({ code: 'refused', kind: 'signature' })
    const approval = await signManifest(made.root, approver.signer)
    await approver.store.catalogs.addSignatures(made.manifest, [approval])
    link.connect(approver.store)
    expect((await library.resolve(REPO, 'main', signal)).revision).toBe(made.revision)
  })
})

describe('a catalog that could not be read', () => {
  it('does not take the place of a newer one when it is tried again', async () => {
    const seed = await createSeed()
    const policy = createPolicy([{ publishers: [seed.publisher], threshold: 1, repos: ['**'] }])
    const older = await acceptHead((await seed.publish(REPO, FILES)).envelope, { policy })
    const { envelope, revision } = await seed.publish(REPO, { 'a.txt': sampleBytes(100, 3) })
    let isAway = true
    const block = async (cid: Parameters<typeof seed.store.blocks.get>[0]) => {
      const found = isAway ? undefined : await seed.store.blocks.get(cid)
      if (found === undefined) throw new MeshError('not-ready', 'nobody has it')
      return found
    }
    const blocks = { block, local: (cid: Parameters<typeof block>[0]) => seed.store.blocks.get(cid) }
    const offers = createOffers({ blocks, log: silentLog }, { policy, publisherId: 'nobody', signal: never })
    offers.load(older)
    await offers.settled(never)
    isAway = false
    offers.load(await acceptHead(envelope, { policy }))
    offers.retry()
    await offers.settled(never)
    expect(offers.of(REPO)[0]?.catalog.refs['main']?.revision).toBe(revision)
  })
})
