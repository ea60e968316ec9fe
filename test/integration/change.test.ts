/** A second commit: what moves, when names move, and what stays readable meanwhile. Real processes. */
import { createHash } from 'node:crypto'
import {
  type CatalogHead,
  MIB,
  type NodeStatus,
  type RepoStatus,
  createCutter,
  createMeter,
  silentLog,
} from '@hubmesh/content'
import { type FileChanges, type HubFile, type SampleHub, createSampleHub } from '@hubmesh/testing'
import { openStore } from '@hubmesh/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CheckedRead, readChecked } from './checked-read.ts'
import { type Swarm, type SwarmNode, createSwarm } from './local-swarm.ts'
import { type SlowLink, createSlowLink } from './slow-link.ts'

const REPO = 'acme/voice'
const LARGE = 'model.safetensors'

const FIRST: FileChanges = {
  'config.json': '{"version": 1}\n',
  'README.md': '# Stays as it is\n',
  [LARGE]: { seed: 'model', size: 64 * MIB },
  'old.ckpt': { seed: 'old', size: 3 * MIB },
}
/** The model's first so many bytes, something new, and the rest of it. */
const inserted = (at: number, text: string): FileChanges[string] => ({
  parts: [{ seed: 'model', size: at }, text, { seed: 'model', size: 64 * MIB - at, offset: at }],
})
const SECOND: FileChanges = {
  'config.json': '{"version": 2}\n',
  [LARGE]: inserted(100_000, 'a few bytes that were not there before'),
  'old.ckpt': null,
  'new.ckpt': { seed: 'new', size: 32 * MIB },
}
const THIRD: FileChanges = {
  'config.json': '{"version": 3}\n',
  [LARGE]: inserted(2_000_000, 'and others'),
  'new.ckpt': null,
  'newest.ckpt': { seed: 'newest', size: 12 * MIB },
}

let hub: SampleHub
let swarm: Swarm
let seed: SwarmNode
let link: SlowLink
let berlin: SwarmNode
let lisbon: SwarmNode

beforeAll(async () => {
  hub = await createSampleHub()
  await hub.addRepo(REPO, { files: FIRST })
  swarm = await createSwarm()
  seed = await swarm.startSeed({ upstream: hub.url, mirror: [REPO] })
  link = await createSlowLink(seed, Infinity)
  await seed.waitFor('the first mirror', ({ mirrors }) => mirrors[0]?.state === 'idle')
  const ticket = await link.ticket()
  berlin = await swarm.startOffice('berlin', { ticket })
  lisbon = await swarm.startOffice('lisbon', { ticket })
  for (const office of [berlin, lisbon]) expect(await office.cli('pull', REPO)).toMatchObject({ code: 0 })
})

afterAll(async () => {
  await swarm?.stop()
  await link?.stop()
  await hub?.stop()
})

const repoOf = ({ repos }: NodeStatus): RepoStatus => {
  const repo = repos.find(({ id, ref }) => id === REPO && ref === 'main')
  if (repo === undefined) throw new Error('the repo is not listed')
  return repo
}
const received = ({ counters }: NodeStatus): number => counters.wanBytes + counters.siteBytes

const fileAt = (revision: string, path: string): HubFile => {
  const file = hub.source(REPO, revision).get(path)
  if (file === undefined) throw new Error(`${path} is not at ${revision}`)
  return file
}
const urlOf = (node: SwarmNode, revision: string, path: string): string =>
  `${node.gateway}/${REPO}/resolve/${revision}/${path}`

/** All files of a commit, byte for byte, by whatever name it is asked for. */
const expectCommit = async (node: SwarmNode, { as, sha }: { as: string; sha: string }): Promise<CheckedRead[]> => {
  const answers = await Promise.all(
    [...hub.source(REPO, sha).values()].map((file) => readChecked(urlOf(node, as, file.path), file)),
  )
  for (const { status, headers, isWhole } of answers) {
    expect({ status, isWhole }).toEqual({ status: 200, isWhole: true })
    expect(headers.get('x-repo-commit')).toBe(sha)
  }
  return answers
}

const expectMissing = async (node: SwarmNode, revision: string, path: string): Promise<void> => {
  const { status, headers } = await fetch(urlOf(node, revision, path))
  expect({ status, code: headers.get('x-error-code') }).toEqual({ status: 404, code: 'EntryNotFound' })
}

/** Length of each chunk of a commit, by digest, as the chunker cuts the source. */
const chunksOf = async (sha: string): Promise<Map<string, number>> => {
  const chunks = new Map<string, number>()
  for (const { size, content } of hub.source(REPO, sha).values()) {
    const cutter = createCutter({ size })
    let [hash, length, at] = [createHash('sha256'), 0, 0]
    for await (const piece of content.read(0, size)) {
      let from = 0
      for (const end of cutter.push(piece)) {
        hash.update(piece.subarray(from, end - at))
        chunks.set(hash.digest('hex'), length + end - at - from)
        ;[hash, length, from] = [createHash('sha256'), 0, end - at]
      }
      hash.update(piece.subarray(from))
      length += piece.length - from
      at += piece.length
    }
  }
  return chunks
}

/** Bytes of the chunks that only the second commit has. */
const changedBytes = async (before: string, after: string): Promise<number> => {
  const [old, now] = [await chunksOf(before), await chunksOf(after)]
  return [...now].reduce((sum, [digest, length]) => sum + (old.has(digest) ? 0 : length), 0)
}

/** Reads the beginning of a file, and the rest when it is told to. */
const beginReading = (node: SwarmNode, revision: string, file: HubFile) => {
  const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const whole = readChecked(urlOf(node, revision, file.path), file, {
    onBytes: () => {
      begun.resolve()
      return goOn.promise
    },
  })
  return { begun: begun.promise, goOn: () => goOn.resolve(), whole }
}

/** Waits until all offices are at a commit: everywhere all of it is there as soon as the name has moved. */
const expectMove = async (sha: string): Promise<NodeStatus[]> => {
  const moved = await Promise.all(
    [berlin, lisbon].map((office) => office.waitFor('the commit', (now) => repoOf(now).revision === sha, 120_000)),
  )
  for (const now of moved) expect(repoOf(now)).toMatchObject({ complete: true, bytesHeld: repoOf(now).bytes })
  return moved
}

describe('a commit that changes, inserts, deletes and adds', () => {
  it('moves only its changed chunks', async () => {
    const old = hub.sha(REPO)
    const before = [await berlin.status(), await lisbon.status()].map(received)
    const sha = await hub.commit(REPO, SECOND)
    const moved = await expectMove(sha)
    const changed = await changedBytes(old, sha)
    const cost = moved.map((now, at) => received(now) - (before[at] ?? 0))
    console.info({ changed, berlin: cost[0], lisbon: cost[1] })
    for (const bytes of cost) {
      expect(bytes).toBeGreaterThanOrEqual(changed)
      expect(bytes).toBeLessThanOrEqual(changed * 1.05)
    }
    for (const office of [berlin, lisbon]) {
      const answers = await expectCommit(office, { as: 'main', sha })
      for (const { headers } of answers) expect(headers.get('x-mesh-source')).toBe('local')
      await expectMissing(office, 'main', 'old.ckpt')
      expect(await readChecked(urlOf(office, old, 'old.ckpt'), fileAt(old, 'old.ckpt'))).toMatchObject({
        isWhole: true,
      })
    }
    expect([await berlin.status(), await lisbon.status()].map(received)).toEqual(moved.map(received))
  })

  it('moves the name only when all that is held is there, and takes nothing from who reads the old one', async () => {
    const old = hub.sha(REPO)
    const slow = beginReading(berlin, 'main', fileAt(old, LARGE))
    await slow.begun
    link.setRate(MIB)
    const sha = await hub.commit(REPO, THIRD)

    // On its way: the catalog has come, the files have not.
    await berlin.waitFor('the offer', (now) => repoOf(now).offered === sha)
    await expectCommit(berlin, { as: 'main', sha: old })
    await expectMissing(berlin, 'main', 'newest.ckpt')
    expect(repoOf(await berlin.status())).toMatchObject({ revision: old, offered: sha })
    link.setRate(Infinity)

    await expectMove(sha)
    slow.goOn()
    expect(await slow.whole).toMatchObject({ status: 200, isWhole: true })
    await expectCommit(berlin, { as: 'main', sha })
    await expectCommit(berlin, { as: old, sha: old })
    await expectMissing(berlin, 'main', 'new.ckpt')
  })
})

describe('a seed that is started again while the Hub stands still', () => {
  it('publishes nothing new, and asks for no file', async () => {
    expect(await seed.stop()).toBe(0)
    const before = await headIn(seed.home)
    const sent = hub.bodyBytes
    await seed.restart()
    await seed.waitFor(
      'a look at the Hub',
      ({ mirrors }) => mirrors[0]?.state === 'idle' && mirrors[0].lastCheck !== null,
    )
    const { counters } = await seed.status()
    expect(counters.upstreamBytes).toBe(0)
    expect(hub.bodyBytes).toBe(sent)
    await expectCommit(seed, { as: 'main', sha: hub.sha(REPO) })
    expect(await seed.stop()).toBe(0)
    expect(await headIn(seed.home)).toEqual(before)
  })
})

/** The catalog head of a node that does not run: its sequence, and the root that all repos and manifests hang on. */
const headIn = async (home: string): Promise<CatalogHead> => {
  const store = await openStore({ home, log: silentLog, meter: createMeter() })
  try {
    const [held] = store.catalogs.heads()
    if (held === undefined) throw new Error('no catalog was published')
    return held.head
  } finally {
    await store.close()
  }
}
