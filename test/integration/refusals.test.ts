/**
 * What a publisher's name and key may be misused for, and no office follows: a real office, and forged catalogs and manifests
 * that reach it over the mesh. The seed is away, so that nobody mends what is told in its name.
 */
import { join } from 'node:path'
import { type Block, type Cid, type GitOid, type NodeStatus, type Refusal, type RefusalKind } from '@hubmesh/content'
import { type SampleHub, createSampleHub } from '@hubmesh/testing'
import { type Signer, createSigner, decodeTicket, loadIdentity, signManifest } from '@hubmesh/trust'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createLab } from '../../packages/mesh/test/support/lab.ts'
import { FORGED, type Forger, createForger, moveMain, revisionOf } from './forger.ts'
import { type Swarm, type SwarmNode, createSwarm, download } from './local-swarm.ts'

const ID = 'acme/voice'
const REPO = { type: 'model', id: ID } as const
const HOUR_MS = 3_600_000

const lab = createLab()
let hub: SampleHub
let swarm: Swarm
let seed: SwarmNode
let berlin: SwarmNode
let networkKey: Uint8Array
let publisher: Signer
let stranger: Signer
let revision: string

beforeAll(async () => {
  hub = await createSampleHub()
  await hub.addRepo(ID, { files: { 'README.md': '# Voice\n', 'model.bin': { seed: 'model', size: 3_000_000 } } })
  revision = hub.sha(ID)
  swarm = await createSwarm()
  seed = await swarm.startSeed({ upstream: hub.url, mirror: [ID] })
  await seed.waitFor('the first mirror', ({ mirrors }) => mirrors.every(({ state }) => state === 'idle'))
  const ticket = await seed.ticket()
  ;({ networkKey } = decodeTicket(ticket))
  berlin = await swarm.startOffice('berlin', { ticket })
  await expectMain()
  publisher = createSigner(await loadIdentity(join(seed.home, 'identity.key')))
  stranger = createSigner(await loadIdentity(join(swarm.folder, 'stranger.key')))
  expect(await seed.stop()).toBe(0)
})

afterEach(() => lab.close())

afterAll(async () => {
  await swarm?.stop()
  await hub?.stop()
})

const urlOf = (path: string, at = 'main'): string => `${berlin.gateway}/${ID}/resolve/${at}/${path}`

/** Every file of `main`, as the seed's owner had it last. */
const expectMain = async (): Promise<void> => {
  for (const { path, size, sha256 } of hub.source(ID).values()) {
    const got = await download(urlOf(path))
    expect(got).toMatchObject({ status: 200, bytes: size, sha256 })
    expect(got.headers.get('x-repo-commit')).toBe(revision)
  }
}

const comes = (spoil?: (block: Block) => Block): Promise<Forger> => {
  const [office = ''] = berlin.addresses
  return createForger({
    lab,
    networkKey,
    office,
    signer: publisher,
    repo: REPO,
    revision,
    ...(spoil === undefined ? {} : { spoil }),
  })
}

interface Expected {
  readonly kind: RefusalKind
  readonly publisher?: string
  readonly subject: RegExp
  readonly reason?: RegExp
}

/** Announces it, and waits until it shows among the refusals; others may show too, as when an older head is heard late. */
const expectRefusal = async (forger: Forger, envelope: Uint8Array, expected: Expected): Promise<void> => {
  const { kind, publisher: by = publisher.publisher, subject, reason = /./ } = expected
  const before = new Set((await berlin.status()).refusals.map((refusal) => refusal.at))
  await forger.announce(envelope)
  const isExpected = (refusal: Refusal): boolean =>
    !before.has(refusal.at) &&
    refusal.kind === kind &&
    refusal.publisher === by &&
    subject.test(refusal.subject) &&
    reason.test(refusal.reason)
  await berlin.waitFor(`a refusal: ${kind}`, ({ refusals }) => refusals.some(isExpected), 15_000)
  await expectMain()
}

describe('a catalog', () => {
  it('of a publisher whom no rule names is refused', async () => {
    const forger = await comes()
    const manifest = await forger.manifest({ revision: revisionOf('1') })
    await forger.addSignature(manifest, await signManifest(manifest, stranger))
    const { envelope } = await forger.catalog(moveMain(revisionOf('1'), manifest.cid), { signer: stranger })
    await expectRefusal(forger, envelope, { kind: 'untrusted', publisher: stranger.publisher, subject: /^catalog$/ })
  })

  it('whose envelope was tampered with is refused', async () => {
    const forger = await comes()
    const envelope = Buffer.from((await forger.catalog((held) => held)).envelope)
    const at = envelope.indexOf('mesh')
    envelope.write('hsem', at)
    await expectRefusal(forger, new Uint8Array(envelope), { kind: 'signature', subject: /^catalog$/ })
  })

  it('that is older than what is held is refused: a roll-back', async () => {
    const forger = await comes()
    const sequence = forger.held.head.sequence - 1
    const { envelope } = await forger.catalog((held) => held, { head: { sequence } })
    await expectRefusal(forger, envelope, { kind: 'rollback', subject: new RegExp(`^catalog ${sequence}$`) })
  })

  it('with the sequence that is held and other content is refused: an equivocation', async () => {
    const forger = await comes()
    const { sequence } = forger.held.head
    const { envelope } = await forger.catalog((held) => ({ ...held, removed: true }), { head: { sequence } })
    await expectRefusal(forger, envelope, { kind: 'equivocation', subject: new RegExp(`^catalog ${sequence}$`) })
  })

  it('that is over its date is refused', async () => {
    const forger = await comes()
    const expires = new Date(Date.now() - 1000).toISOString()
    const { envelope } = await forger.catalog((held) => ({ ...held, removed: true }), { head: { expires } })
    await expectRefusal(forger, envelope, { kind: 'expired', subject: /^catalog \d+$/ })
  })

  it('from the far future, which its owner’s next ones would be below, is refused', async () => {
    const forger = await comes()
    const { envelope } = await forger.catalog((held) => held, { head: { sequence: Date.now() + 48 * HOUR_MS } })
    await expectRefusal(forger, envelope, { kind: 'malformed', subject: /^catalog$/, reason: /future/ })
  })

  it('whose head names the root of another is refused', async () => {
    const forger = await comes()
    const { envelope } = await forger.catalog((held) => held, { head: { root: forger.held.head.root } })
    await expectRefusal(forger, envelope, { kind: 'mix-and-match', subject: /^catalog \d+$/ })
  })

  it('that is signed, and none, is refused', async () => {
    const forger = await comes()
    const { cid } = await forger.manifest()
    const { envelope } = await forger.catalog((held) => held, { head: { root: cid } })
    await expectRefusal(forger, envelope, { kind: 'malformed', subject: /^catalog \d+$/ })
  })
})

describe('a manifest that a signed catalog names', () => {
  it('and a stranger signed is refused', async () => {
    const forger = await comes()
    const forged = revisionOf('2')
    const manifest = await forger.manifest({ revision: forged })
    await forger.addSignature(manifest, await signManifest(manifest, stranger))
    const { envelope } = await forger.catalog(moveMain(forged, manifest.cid))
    await expectRefusal(forger, envelope, {
      kind: 'untrusted',
      publisher: stranger.publisher,
      subject: new RegExp(`^model:${ID}@${forged}$`),
    })
    await expectNothingOf(forged)
  })

  it('and whose signature is of other bytes is refused', async () => {
    const forger = await comes()
    const forged = revisionOf('3')
    const [manifest, other] = [await forger.manifest({ revision: forged }), await forger.manifest()]
    await forger.addSignature(manifest, await signManifest(other, publisher))
    const { envelope } = await forger.catalog(moveMain(forged, manifest.cid))
    await expectRefusal(forger, envelope, { kind: 'signature', subject: new RegExp(`@${forged}$`) })
    await expectNothingOf(forged)
  })

  it('and which is of another revision is refused', async () => {
    const forger = await comes()
    const forged = revisionOf('4')
    const manifest = await forger.manifest({ revision: revisionOf('5') })
    await forger.addSignature(manifest, await signManifest(manifest, publisher))
    const { envelope } = await forger.catalog(moveMain(forged, manifest.cid))
    await expectRefusal(forger, envelope, { kind: 'mix-and-match', subject: new RegExp(`@${forged}$`) })
    await expectNothingOf(forged)
  })

  it('and which is of another repo is refused', async () => {
    const forger = await comes()
    const forged = revisionOf('6')
    const manifest = await forger.manifest({ revision: forged, repo: { type: 'model', id: 'acme/other' } })
    await forger.addSignature(manifest, await signManifest(manifest, publisher))
    const { envelope } = await forger.catalog(moveMain(forged, manifest.cid))
    await expectRefusal(forger, envelope, {
      kind: 'mix-and-match',
      subject: new RegExp(`@${forged}$`),
      reason: /acme\/other/,
    })
    await expectNothingOf(forged)
  })
})

/** Not a byte of what was forged, under whatever name it is asked for. */
const expectNothingOf = async (forged: GitOid): Promise<void> => {
  const response = await fetch(urlOf('README.md', forged))
  expect(response.status).toBe(429) // what makes a Hub client ask again later
  expect(Buffer.from(await response.arrayBuffer()).includes(FORGED)).toBe(false)
}

describe('blocks that are handed out with a bit flipped', () => {
  const flipped = (block: Block): Block => ({ ...block, bytes: block.bytes.with(9, (block.bytes[9] ?? 0) ^ 1) })
  const banned = (peerId: string, cid: Cid) =>
    berlin.waitFor('the ban', ({ peers }) =>
      peers.some((peer) => peer.peerId === peerId && peer.banned?.reason === `sent wrong bytes for block ${cid}`),
    )

  it('as a catalog ban who does it, and are not followed', async () => {
    let shard: Cid | undefined
    const forger = await comes((block) => (block.cid === shard ? flipped(block) : block))
    const catalog = await forger.catalog((held) => ({ ...held, removed: true }))
    shard = catalog.shard
    await forger.announce(catalog.envelope)
    await banned(forger.peerId, catalog.shard)
    await expectMain()
  })

  it('as a manifest ban who does it, and are not followed', async () => {
    let spoiled: Cid | undefined
    const forger = await comes((block) => (block.cid === spoiled ? flipped(block) : block))
    const manifest = await forger.manifest({ revision: revisionOf('7') })
    await forger.addSignature(manifest, await signManifest(manifest, publisher))
    spoiled = manifest.cid
    const { envelope } = await forger.catalog(moveMain(revisionOf('7'), manifest.cid))
    await forger.announce(envelope)
    await banned(forger.peerId, manifest.cid)
    await expectMain()
  })
})

describe('after all that', () => {
  it('a restarted office still knows what it refused, and refuses it again', async () => {
    const { refusals } = await berlin.status()
    await berlin.restart()
    expect((await berlin.status()).refusals).toEqual(expect.arrayContaining(refusals))
    await expectMain()
    const forger = await comes()
    const sequence = forger.held.head.sequence - 1
    const { envelope } = await forger.catalog((held) => held, { head: { sequence } })
    await expectRefusal(forger, envelope, { kind: 'rollback', subject: /^catalog \d+$/ })
  })

  it('what is signed as it should be is followed: the forger’s craft was not what was refused', async () => {
    const forger = await comes()
    const forged = revisionOf('8')
    const manifest = await forger.manifest({ revision: forged })
    await forger.addSignature(manifest, await signManifest(manifest, publisher))
    const { envelope } = await forger.catalog(moveMain(forged, manifest.cid))
    await forger.announce(envelope)
    await berlin.waitFor('the revision', ({ repos }) => repos.some((repo) => repo.revision === forged && repo.complete))
    expect(Buffer.from(await (await fetch(urlOf('README.md'))).arrayBuffer())).toEqual(FORGED)
  })

  it('the owner’s next commit is followed: what was told in its name meanwhile does not stand in its way', async () => {
    await hub.commit(ID, { 'README.md': '# Voice, second\n' })
    await seed.restart()
    revision = hub.sha(ID)
    const has = ({ repos }: NodeStatus): boolean => repos.some((repo) => repo.revision === revision)
    await berlin.waitFor('the second commit', has, 90_000) // the office looks for its seed twice a minute
    await expectMain()
  })
})
