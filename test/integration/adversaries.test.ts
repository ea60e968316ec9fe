/** What a peer or a disk may do to an office, and no client ever sees: real processes, and hostile members of their network. */
import { chmod, readdir, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { type SampleHub, createSampleHub, flipBit } from '@hubmesh/testing'
import { decodeTicket } from '@hubmesh/trust'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { GARBAGE, type HostilePeers, OVERSIZED, createHostilePeers } from './hostile-peers.ts'
import { type Swarm, type SwarmNode, createSwarm, download } from './local-swarm.ts'

const REPO = 'acme/voice'
const MB = 1_000_000
const SIZE = 4 * MB
/** One for each attack: what was fetched once would not be asked for again. */
const FILES = [
  'lied',
  'cut',
  'broken',
  'silent',
  'boasted',
  'miscounted',
  'babbled',
  'oversized',
  'all',
  'flipped',
  'rotten',
]
const MAX_CHUNK = 1024 * 1024

let hub: SampleHub
let swarm: Swarm
let seed: SwarmNode
let berlin: SwarmNode

beforeAll(async () => {
  hub = await createSampleHub()
  await hub.addRepo(REPO, {
    files: Object.fromEntries(FILES.map((name) => [`${name}.bin`, { seed: name, size: SIZE }])),
  })
  swarm = await createSwarm()
  seed = await swarm.startSeed({ upstream: hub.url, mirror: [REPO] })
  await seed.waitFor('the first mirror', ({ mirrors }) => mirrors.every(({ state }) => state === 'idle'))
  berlin = await swarm.startOffice('berlin', { ticket: await seed.ticket() })
  await berlin.waitFor('the repo', ({ repos }) => repos.length > 0)
})

afterAll(async () => {
  await swarm?.stop()
  await hub?.stop()
})

const urlOf = (name: string): string => `${berlin.gateway}/${REPO}/resolve/main/${name}.bin`

/** The whole file, as the Hub has it, at an HTTP client of the office. */
const expectExact = async (name: string): Promise<void> => {
  const source = hub.source(REPO).get(`${name}.bin`)
  const { status, bytes, sha256 } = await download(urlOf(name))
  expect({ status, bytes, sha256 }).toEqual({ status: 200, bytes: SIZE, sha256: source?.sha256 })
}

describe('a hostile peer', () => {
  let hostile: HostilePeers
  let pid: number

  beforeEach(async () => {
    const { networkKey } = decodeTicket(await seed.ticket())
    hostile = createHostilePeers({ victim: berlin, honest: seed }, { key: networkKey, site: 'berlin' })
    pid = berlin.pid
  })

  afterEach(async () => {
    await hostile.close()
    const status = await berlin.status() // nobody crashed, and the honest one is not blamed
    expect(status.peers.find(({ peerId }) => peerId === seed.peerId)).toMatchObject({ connected: true })
    expect(status.peers.find(({ peerId }) => peerId === seed.peerId)?.banned).toBeUndefined()
    expect(berlin.pid).toBe(pid)
    expect((await seed.status()).ready.ready).toBe(true)
  })

  const statusOf = async (peerId: string) => (await berlin.status()).peers.find((peer) => peer.peerId === peerId)
  const connected = (peerId: string) =>
    berlin.waitFor('the hostile peer', ({ peers }) => peers.some((peer) => peer.peerId === peerId && peer.connected))
  const banned = (peerId: string, reason: RegExp) =>
    berlin.waitFor('the ban', ({ peers }) =>
      peers.some((peer) => peer.peerId === peerId && !peer.connected && reason.test(peer.banned?.reason ?? '')),
    )

  it.each([
    ['that lies', 'lied', () => hostile.lying()],
    ['that truncates', 'cut', () => hostile.truncating()],
  ])('%s is banned, and none of its bytes are served', async (_, file, come) => {
    const before = (await berlin.status()).counters.rejectedChunks
    const peerId = await come()
    await connected(peerId)
    await expectExact(file)
    const { counters } = await banned(peerId, /^sent wrong bytes for chunk \d+ of /)
    expect(counters.rejectedChunks).toBeGreaterThan(before)
    const shown = JSON.parse((await berlin.cli('peers', '--json')).stdout) as unknown[]
    expect(shown).toContainEqual(expect.objectContaining({ peerId, banned: expect.anything() }))
  })

  it.each([
    ['that ends its stream within a chunk', 'broken', () => hostile.breakingOff()],
    ['that is silent', 'silent', () => hostile.silent()],
    ['that has not got what it claims', 'boasted', () => hostile.boasting()],
  ])('%s is left for the honest one', async (_, file, come) => {
    const peerId = await come()
    await connected(peerId)
    await expectExact(file)
    expect((await statusOf(peerId))?.bytesIn).toBe(0)
  })

  it.each([
    ['whose bitmaps do not fit', 'miscounted', /bitmap that does not fit/, () => hostile.miscounting()],
    ['that answers with garbage', 'babbled', /frame without a header/, () => hostile.answering(GARBAGE)],
    ['that answers with oversized messages', 'oversized', /frame of more than/, () => hostile.answering(OVERSIZED)],
  ])('%s breaks the protocol until it is banned', async (_, file, reason, come) => {
    const peerId = await come()
    await expectExact(file)
    await banned(peerId, reason)
  })

  it.each([
    ['garbage', GARBAGE, /frame without a header/],
    ['oversized messages', OVERSIZED, /frame of more than/],
  ])('that asks with %s is banned', async (_, bytes, reason) => {
    const peerId = await hostile.asking(bytes)
    await banned(peerId, reason)
  })

  it('does not get further with the help of all others', async () => {
    const peerIds = await Promise.all([
      hostile.lying(),
      hostile.truncating(),
      hostile.breakingOff(),
      hostile.silent(),
      hostile.boasting(),
      hostile.miscounting(),
      hostile.answering(GARBAGE),
      hostile.asking(OVERSIZED),
    ])
    await berlin.waitFor('all of them', ({ peers }) =>
      peerIds.every((peerId) => peers.some((peer) => peer.peerId === peerId)),
    )
    await expectExact('all')
  })
})

describe('a bit that flips on the office’s disk', () => {
  it('in a partial is never served, and its chunk fetched again', async () => {
    const half = SIZE / 2
    const [first] = await partialsAfter(async () => {
      const head = await fetch(urlOf('flipped'), { headers: { range: `bytes=0-${half - 1}` } })
      expect((await head.arrayBuffer()).byteLength).toBe(half)
      expect(await berlin.stop()).toBe(0)
    })
    if (first === undefined) throw new Error('no partial')
    await flipBit(join(berlin.home, 'partial', first), half / 2)
    await berlin.restart()
    await berlin.waitFor('a connection', ({ ready }) => ready.ready)
    await expectExact('flipped')
    const { counters } = await berlin.status()
    expect(counters.rejectedChunks).toBe(1)
    expect(counters.wanBytes).toBeGreaterThan(half - MAX_CHUNK) // all of the other half …
    expect(counters.wanBytes).toBeLessThan(half + MAX_CHUNK) // … and one chunk again
  })

  it('in a whole file puts it into quarantine, and it is fetched again', async () => {
    await expectExact('rotten')
    const sha256 = hub.source(REPO).get('rotten.bin')?.sha256 ?? ''
    const path = join(berlin.home, 'blobs', 'sha256', sha256.slice(0, 2), sha256)
    const { atime, mtime } = await stat(path)
    const before = (await berlin.status()).counters.wanBytes
    await chmod(path, 0o600)
    await flipBit(path, MB)
    await utimes(path, atime, mtime) // a disk that hides it: the change time still tells
    await expectExact('rotten')
    expect((await berlin.status()).counters.wanBytes - before).toBeGreaterThan(0)
    await expect.poll(() => readdir(join(berlin.home, 'quarantine'))).toEqual([`${sha256}.bad`])
    await expectExact('rotten')
  })
})

/** Names of the partials that the work leaves behind. */
const partialsAfter = async (work: () => Promise<void>): Promise<string[]> => {
  const before = new Set(await readdir(join(berlin.home, 'partial')))
  await work()
  return (await readdir(join(berlin.home, 'partial'))).filter((name) => !before.has(name))
}
