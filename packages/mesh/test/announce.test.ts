import { afterEach, describe, expect, it } from 'vitest'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { LevelDatastore } from 'datastore-level'
import { encodeBlock, encodeValue, silentLog } from '@hubmesh/content'
import { type Signer, createSigner, sealHead } from '@hubmesh/trust'
import { createGossip } from '../src/announce/gossip.ts'
import { createHeadRecords } from '../src/announce/head-records.ts'
import { MAX_PUBLISHERS } from '../src/limits.ts'
import { type LabNode, connect, createLab, soon, until } from './support/lab.ts'
import { createRaw } from './support/raw.ts'

const lab = createLab()
afterEach(() => lab.close())

const HOUR = 3_600_000
const newSigner = async (): Promise<Signer> => createSigner(await generateKeyPair('Ed25519'))

/** A sealed head whose sequence is so many hours before now. */
const headOf = async (signer: Signer, hoursAgo: number): Promise<Uint8Array> =>
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

/** The memory of head records in a folder, and what a put from another node does to it. */
const openRecords = async (folder: string, wanted: string) => {
  const datastore = new LevelDatastore(folder)
  await datastore.open()
  const records = createHeadRecords(
    { datastore, log: silentLog, isWanted: (publisher) => publisher === wanted },
    { signal: soon() },
  )
  await records.load()
  const validate = Object.values(records.hooks.validators)[0]
  const putByOther = async (signer: Signer, hoursAgo: number): Promise<void> =>
    validate?.(new TextEncoder().encode(`/hubmesh-catalog/${signer.publisher}`), await headOf(signer, hoursAgo))
  return { putByOther, close: () => datastore.close() }
}

describe('the memory of head records', () => {
  it('refuses an older record, also after a restart', async () => {
    const [folder, signer] = [await lab.folder(), await newSigner()]
    const before = await openRecords(folder, '')
    await before.putByOther(signer, 1)
    await expect(before.putByOther(signer, 5)).rejects.toMatchObject({ kind: 'rollback' })
    await before.close()
    const after = await openRecords(folder, '')
    lab.defer(after.close)
    await expect(after.putByOther(signer, 5)).rejects.toMatchObject({ kind: 'rollback' })
    await after.putByOther(signer, 0)
  })

  it('always has room for who matters here, however many publishers are made up', async () => {
    const wanted = await newSigner()
    const { putByOther, close } = await openRecords(await lab.folder(), wanted.publisher)
    lab.defer(close)
    for (let count = 0; count < MAX_PUBLISHERS; count += 1) await putByOther(await newSigner(), 1)
    await expect(putByOther(await newSigner(), 1)).rejects.toMatchObject({ code: 'busy' })
    await putByOther(wanted, 1)
    await expect(putByOther(wanted, 5)).rejects.toMatchObject({ kind: 'rollback' })
  })
})

describe('gossip', () => {
  it('of one author is passed on so many times a minute and no more', async () => {
    const [talker, middle, listener] = [await createRaw(lab), await lab.node(), await createRaw(lab)]
    let heard = 0
    const gossip = createGossip({
      pubsub: listener.node.services.pubsub,
      log: silentLog,
      onHead: () => {},
      onGoodbye: () => (heard += 1),
    })
    gossip.start()
    for (const raw of [talker, listener]) await raw.serve(() => {})
    await middle.mesh.dial(listener.address, soon())
    await middle.mesh.dial(talker.address, soon())
    const { pubsub } = talker.node.services
    const topic = '/hubmesh/catalogs/1'
    await until('subscribed', () => pubsub.getSubscribers(topic).length > 0)
    await until('heard', async () => {
      await pubsub.publish(topic, encodeValue({ type: 'goodbye' }))
      return heard > 0
    })
    const floods = Array.from({ length: 300 }, () => pubsub.publish(topic, encodeValue({ type: 'goodbye' })))
    await Promise.all(floods)
    const last = await lab.node()
    await connect(last, middle) // whatever was sent before has been judged by then
    expect(heard).toBeGreaterThan(10)
    expect(heard).toBeLessThan(70)
  })
})
