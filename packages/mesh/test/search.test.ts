import { afterEach, describe, expect, it } from 'vitest'
import { LevelDatastore } from 'datastore-level'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type BlockStore, MIB, encodeBlock, silentLog } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { createProviderRecords } from '../src/announce/provider-records.ts'
import { createProviders } from '../src/announce/providers.ts'
import type { MeshNode } from '../src/node/create-node.ts'
import { createGate } from '../src/node/gate.ts'
import {
  type LabNode,
  connect,
  createLab,
  fetchBlob,
  isConnected,
  manifestOf,
  seedBlob,
  soon,
  until,
} from './support/lab.ts'
import { type RawNode, createRaw, reply } from './support/raw.ts'

/** Finding who has what, beyond those that are connected. */

const lab = createLab()
afterEach(() => lab.close())

const sample = sampleBlob(2 * MIB, 31)
const block = encodeBlock({ v: 1, about: 'a manifest' })
const few = { limits: { targetPeers: 1 } }

const isLinked = ({ mesh }: LabNode, { node }: RawNode): boolean =>
  mesh.peers().some(({ peerId, connected }) => peerId === node.peerId.toString() && connected)

describe('a block', () => {
  it('is found through a third node that knows its provider', async () => {
    const [giver, middle, taker] = [await lab.node(few), await lab.node(few), await lab.node(few)]
    await giver.store.blocks.put([block])
    await connect(giver, middle)
    await connect(taker, middle)
    giver.mesh.provide(block.cid)
    await until('it is found', async () => {
      const found = await taker.mesh.fetchBlock(block.cid, { signal: soon() }).catch(() => undefined)
      return found?.cid === block.cid
    })
  })

  it('is asked of our own site first', async () => {
    const asked: string[] = []
    const countAsked = (name: string) => ({
      site: name,
      change: ({ blocks }: { blocks: BlockStore }) => ({
        blocks: { ...blocks, get: (cid: string) => (asked.push(name), blocks.get(cid as typeof block.cid)) },
      }),
    })
    const [far, near] = [await lab.node(countAsked('far')), await lab.node(countAsked('near'))]
    const taker = await lab.node({ site: 'near' })
    await Promise.all([far, near].map(({ store }) => store.blocks.put([block])))
    await Promise.all([connect(taker, far), connect(taker, near)])
    for (let times = 0; times < 5; times += 1) await taker.mesh.fetchBlock(block.cid, { signal: soon() })
    expect(asked).toEqual(Array.from({ length: 5 }, () => 'near'))
  })
})

describe('chunks', () => {
  it('are found through a third node that knows a provider, which is dialled', async () => {
    const [giver, middle, taker] = [await lab.node(few), await lab.node(few), await lab.node(few)]
    await seedBlob(giver, sample)
    await connect(giver, middle)
    await connect(taker, middle)
    giver.mesh.provide(manifestOf(sample))
    const { bytes, from } = await fetchBlob(taker.mesh, sample)
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect([...from.keys()]).toEqual([giver.mesh.peerId])
    expect(isConnected(taker, giver)).toBe(true)
  })

  it('are sought elsewhere when whoever says that it has them is silent', async () => {
    const [giver, middle, taker] = [await lab.node(few), await lab.node(few), await lab.node(few)]
    const silent = await createRaw(lab)
    await silent.serve((request, stream) => {
      if (request.type === 'open')
        reply(stream, { type: 'have', id: request.id, length: sample.chunks.length, at: 0, complete: true })
    })
    await seedBlob(giver, sample)
    await connect(giver, middle)
    await connect(taker, middle)
    await taker.mesh.dial(silent.address, soon())
    await until('linked', () => isLinked(taker, silent))
    giver.mesh.provide(manifestOf(sample))
    const { bytes, from } = await fetchBlob(taker.mesh, sample)
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect([...from.keys()]).toEqual([giver.mesh.peerId])
  })
})

/** Providers by a DHT that knows what the test says, and a node that dials whoever is in `reachable`. */
const createSearch = async (known: readonly PeerId[], reachable: ReadonlySet<PeerId> = new Set(known)) => {
  const dialled: PeerId[] = []
  const dial = async (id: PeerId): Promise<void> => {
    dialled.push(id)
    if (!reachable.has(id)) throw new Error('nobody there')
  }
  const findProviders = async function* () {
    yield { name: 'PROVIDER', providers: known.map((id) => ({ id, multiaddrs: [] })) }
    if (known.length === 0) await new Promise(() => {}) // as a DHT whose nodes are silent
  }
  const node = {
    peerId: await newPeerId(),
    status: 'started',
    services: { dht: { findProviders } },
    peerStore: { merge: async () => {}, get: async () => ({ addresses: [] }) },
    getConnections: () => [],
    dial,
  } as unknown as MeshNode
  const providers = createProviders({ gate: createGate({ log: silentLog }), log: silentLog, node })
  lab.defer(async () => providers.stop())
  return { providers, dialled }
}

const newPeerId = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

describe('what this node has', () => {
  const createTold = async (renewal: number) => {
    const asked: string[] = []
    let [connections, takers] = [0, 0]
    const provide = async function* (cid: { toString(): string }) {
      asked.push(cid.toString())
      if (takers > 0) yield { name: 'PEER_RESPONSE', messageName: 'ADD_PROVIDER' }
    }
    const node = {
      status: 'started',
      services: { dht: { provide, cancelReprovide: async () => {} } },
      getConnections: () => Array.from({ length: connections }),
    } as unknown as MeshNode
    const datastore = new LevelDatastore(await lab.folder())
    const records = createProviderRecords({ datastore, log: silentLog, node }, { renewal })
    lab.defer(() => records.stop())
    const come = (): void => {
      connections = takers = 1
      records.retrySoon()
    }
    return { records, asked, come }
  }
  const cids = Array.from({ length: 4 }, (_, n) => encodeBlock({ v: 1, n }).cid)

  it('is told to nobody where nobody is, and to who comes', async () => {
    const { records, asked, come } = await createTold(60_000)
    for (const cid of cids) records.provide(cid)
    expect(asked).toEqual([])
    come()
    await until('told', () => asked.length === cids.length)
  })

  it('is told again in turn, without end, until it is withdrawn', async () => {
    const { records, asked, come } = await createTold(1000)
    for (const cid of cids) records.provide(cid)
    come()
    await until('told three times', () => asked.length >= 3 * cids.length)
    expect(asked.slice(0, 12)).toEqual([...cids, ...cids, ...cids])
    for (const cid of cids.slice(1)) records.withdraw(cid)
    const before = asked.length
    await until('told again', () => asked.length > before + 2)
    expect(new Set(asked.slice(before + 1))).toEqual(new Set(cids.slice(0, 1)))
  })
})

describe('a search for providers', () => {
  it('leaves out who has said goodbye until it is back', async () => {
    const [gone, there] = [await newPeerId(), await newPeerId()]
    const { providers } = await createSearch([gone, there])
    providers.onGone(gone.toString())
    expect(await providers.seekNow(block.cid, soon())).toEqual([there])
    providers.onBack(gone.toString())
    expect(await providers.seekNow(block.cid, soon())).toEqual([gone, there])
  })

  it('leaves out who could not be reached a moment ago', async () => {
    const [dead, there] = [await newPeerId(), await newPeerId()]
    const { providers, dialled } = await createSearch([dead, there], new Set([there]))
    for (let times = 0; times < 3; times += 1) expect(await providers.seekNow(block.cid, soon())).toEqual([there])
    expect(dialled.filter((id) => id === dead)).toHaveLength(1)
  })

  it('dials a few, however many a single answer names', async () => {
    const named = await Promise.all(Array.from({ length: 40 }, newPeerId))
    const { providers, dialled } = await createSearch([...named, ...named])
    await providers.seekNow(block.cid, soon())
    expect(dialled).toEqual(named.slice(0, 8))
  })

  it('is waited for no longer than the caller wants, and made once for all who want it', async () => {
    const { providers } = await createSearch([])
    const signal = AbortSignal.timeout(50)
    const searches = [1, 2, 3].map(() => providers.seekNow(block.cid, signal))
    for (const search of await Promise.allSettled(searches))
      expect(search).toMatchObject({ status: 'rejected', reason: signal.reason })
  })
})
