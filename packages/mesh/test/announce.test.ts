import { afterEach, describe, expect, it } from 'vitest'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { MIB, encodeBlock } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { createSigner, sealHead } from '@hubmesh/trust'
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
import { createRaw } from './support/raw.ts'

const lab = createLab()
afterEach(() => lab.close())

const HOUR = 3_600_000
const newSigner = async () => createSigner(await generateKeyPair('Ed25519'))

/** A sealed head whose sequence is so many hours before now. */
const headOf = async (signer: Awaited<ReturnType<typeof newSigner>>, hoursAgo: number): Promise<Uint8Array> =>
  sealHead(
    {
      v: 1,
      publisher: signer.publisher,
      audience: 'mesh',
      sequence: Date.now() - hoursAgo * HOUR,
      issued: new Date().toISOString(),
      expires: new Date(Date.now() + HOUR).toISOString(),
      root: encodeBlock({ v: 1, hoursAgo }).cid,
    },
    signer,
  )

const hearHeads = ({ mesh }: LabNode): { envelope: Uint8Array; from: string }[] => {
  const heard: { envelope: Uint8Array; from: string }[] = []
  mesh.onHead((envelope, from) => heard.push({ envelope, from }))
  return heard
}
const has = (heard: readonly { envelope: Uint8Array }[], envelope: Uint8Array): boolean =>
  heard.some((one) => Buffer.compare(one.envelope, envelope) === 0)

const hold = async ({ store }: LabNode, envelope: Uint8Array, publisher: string, sequence: number): Promise<void> => {
  const date = new Date(Date.now() + HOUR).toISOString()
  const root = encodeBlock({ v: 1 }).cid
  const head = { v: 1 as const, publisher, audience: 'mesh', sequence, issued: date, expires: date, root }
  await store.catalogs.commitHead({ head, envelope, acceptedAt: date })
}

describe('heads', () => {
  it('reach all by gossip, also through others', async () => {
    const [a, b, c] = [await lab.node(), await lab.node(), await lab.node()]
    await Promise.all([connect(a, b), connect(b, c)])
    const heard = hearHeads(c)
    const signer = await newSigner()
    const head = await headOf(signer, 0)
    // A message from before the topic's mesh has formed reaches nobody: what was announced is asked for on connecting.
    await until('heard', async () => {
      await a.mesh.announce(head)
      return has(heard, head)
    })
  })

  it('are told to who connects later, and pushed to who is connected when another is accepted', async () => {
    const [old, late] = [await lab.node(), await lab.node()]
    const heard = hearHeads(late)
    const signer = await newSigner()
    const [first, second] = [await headOf(signer, 2), await headOf(signer, 1)]
    await hold(old, first, signer.publisher, 1)
    await connect(late, old)
    await until('heard on connecting', () => has(heard, first))
    expect(heard[0]?.from).toBe(old.mesh.peerId)
    await hold(old, second, signer.publisher, 2)
    await until('pushed', () => has(heard, second))
  })

  it('are found in the DHT by who knows the publisher, though who announced them has left', async () => {
    const signer = await newSigner()
    const [a, b] = [await lab.node(), await createRaw(lab)]
    await b.serve(() => {})
    await a.mesh.dial(b.address, soon())
    const head = await headOf(signer, 0)
    await a.mesh.announce(head)
    await until('put', async () => (await b.storedHead(signer.publisher)) !== undefined)
    await a.mesh.stop()
    const late = await lab.node({ publishers: [signer.publisher] })
    const heard = hearHeads(late)
    await late.mesh.dial(b.address, soon())
    await until('found', () => has(heard, head))
    expect(heard.find(({ envelope }) => Buffer.compare(envelope, head) === 0)?.from).toBe('dht')
  })

  it('that are old pass unjudged by gossip, but do not replace newer ones in the DHT', async () => {
    const signer = await newSigner()
    const [a, b, c] = [await lab.node(), await lab.node(), await lab.node()]
    await Promise.all([connect(a, b), connect(b, c), connect(a, c)])
    const witness = await createRaw(lab)
    await witness.node.dial(multiaddr(b.address), { signal: soon() })
    const [older, newer] = [await headOf(signer, 5), await headOf(signer, 1)]
    const heard = hearHeads(b)
    await a.mesh.announce(newer)
    await until('put', async () => (await witness.findHead(signer.publisher)) !== undefined)
    await until('heard', async () => {
      await c.mesh.announce(older)
      return has(heard, older)
    })
    for (const { address } of [a, c]) await witness.node.dial(multiaddr(address), { signal: soon() })
    expect(await witness.findHead(signer.publisher)).toEqual(newer)
  })
})

describe('providers', () => {
  it('are found in the DHT through a third node, and dialled', async () => {
    const few = { limits: { targetPeers: 1 } }
    const [giver, middle, taker] = [await lab.node(few), await lab.node(few), await lab.node(few)]
    const sample = sampleBlob(2 * MIB, 1)
    await seedBlob(giver, sample)
    await connect(giver, middle)
    await connect(taker, middle)
    giver.mesh.provide(manifestOf(sample))
    const { bytes, from } = await fetchBlob(taker.mesh, sample)
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect([...from.keys()]).toEqual([giver.mesh.peerId])
    expect(isConnected(taker, giver)).toBe(true)
  })
})
