import type { KadDHT, KadDHTInit } from '@libp2p/kad-dht'
import type { LevelDatastore } from 'datastore-level'
import { type HeldHead, type Log, MESH_AUDIENCE, MeshError } from '@hubmesh/content'
import { type TrustPolicy, acceptHead } from '@hubmesh/trust'
import { Key } from 'interface-datastore/key'
import { DHT_TIMEOUT, MAX_PUBLISHERS } from '../limits.ts'

/**
 * Sealed catalog heads as DHT records, one a publisher, under `/hubmesh-catalog/<publisher>`. kad-dht lets an older record
 * replace a newer one; so its validator here remembers the highest sequence of each publisher, also between starts.
 */
export interface HeadRecords {
  /** For the DHT of this node. */
  readonly hooks: Required<Pick<KadDHTInit, 'validators' | 'selectors'>>
  /** Reads back what was remembered. Call before the node starts. */
  load(): Promise<void>
  /** Stores a record at the nodes nearest to its key. The number that took it. @throws MeshError `refused`, `bad-input` */
  put(dht: KadDHT, envelope: Uint8Array): Promise<number>
  /** The newest record of a publisher that is found; undefined when there is none. */
  find(dht: KadDHT, publisher: string): Promise<Uint8Array | undefined>
}

/** Whom to believe is for others to say: here a head must only be its publisher's own. */
const anyone: TrustPolicy = {
  rules: [],
  knows: () => true,
  trusts: () => false,
  ruleFor: () => undefined,
}

const SPACE = 'hubmesh-catalog'
const MEMORY = '/hubmesh/heads'

export interface HeadRecordsComponents {
  readonly datastore: LevelDatastore
  readonly log: Log
  /** A publisher whose heads are wanted here: the memory has always room for it. */
  readonly isWanted: (publisher: string) => boolean
}

export const createHeadRecords = (
  { datastore, log, isWanted }: HeadRecordsComponents,
  { signal }: { signal: AbortSignal },
): HeadRecords => {
  const highest = new Map<string, HeldHead>()

  /** @throws RefusedError for what its publisher has not signed, is over its date, or older than what was seen */
  const judge = async (publisher: string, envelope: Uint8Array): Promise<HeldHead> => {
    const held = highest.get(publisher)
    const accepted = await acceptHead(envelope, { policy: anyone, held })
    const { head } = accepted
    if (head.publisher !== publisher || head.audience !== MESH_AUDIENCE)
      throw new MeshError('bad-input', 'not a head of this publisher for the whole mesh')
    return accepted
  }

  const remember = async (publisher: string, envelope: Uint8Array): Promise<void> => {
    const accepted = await judge(publisher, envelope)
    const now = highest.get(publisher) // another one may have come meanwhile
    if ((now?.head.sequence ?? 0) >= accepted.head.sequence) return
    if (now === undefined && highest.size >= MAX_PUBLISHERS) await makeRoomFor(publisher)
    highest.set(publisher, accepted)
    await datastore.put(memoryKey(publisher), envelope)
  }

  /** Anyone can make publishers up: they must not push out, nor keep out, those that matter here. */
  const makeRoomFor = async (publisher: string): Promise<void> => {
    const [stranger] = highest.keys().filter((known) => !isWanted(known))
    if (stranger === undefined || !isWanted(publisher)) throw new MeshError('busy', 'too many publishers')
    highest.delete(stranger)
    await datastore.delete(memoryKey(stranger))
  }

  const load = async (): Promise<void> => {
    for await (const { key, value } of datastore.query({ prefix: MEMORY })) {
      const publisher = key.name()
      try {
        highest.set(publisher, await judge(publisher, value))
      } catch (error) {
        log.debug({ publisher, err: error }, 'a remembered head is of no more use')
        await datastore.delete(key)
      }
    }
  }

  const put = async (dht: KadDHT, envelope: Uint8Array): Promise<number> => {
    const publisher = await publisherOf(envelope)
    await remember(publisher, envelope)
    let taken = 0
    for await (const event of dht.put(recordKey(publisher), envelope, { signal: soon(signal) }))
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') taken += 1
    return taken
  }

  const find = async (dht: KadDHT, publisher: string): Promise<Uint8Array | undefined> => {
    let best: HeldHead | undefined
    try {
      for await (const event of dht.get(recordKey(publisher), { signal: soon(signal) })) {
        if (event.name !== 'VALUE') continue
        const found = await judge(publisher, event.value).catch(() => undefined) // others may have better ones
        if (found !== undefined && found.head.sequence > (best?.head.sequence ?? 0)) best = found
      }
    } catch (error) {
      // Not found, out of time, or one holder refused a correction: what came until then counts.
      log.debug({ publisher, err: error }, 'a look-up of a head ended early')
    }
    return best && Uint8Array.from(best.envelope) // Level gives Buffers
  }

  return {
    hooks: {
      validators: { [SPACE]: (key, record) => remember(publisherOfKey(key), record) },
      selectors: { [SPACE]: async (_key, records) => newestOf(records) },
    },
    load,
    put,
    find,
  }
}

/** The place of the highest sequence; records that are none count as the lowest. */
const newestOf = async (records: readonly Uint8Array[]): Promise<number> => {
  const sequences = await Promise.all(records.map(sequenceOf))
  return sequences.indexOf(Math.max(...sequences))
}

const sequenceOf = async (envelope: Uint8Array): Promise<number> => {
  try {
    return (await acceptHead(envelope, { policy: anyone })).head.sequence
  } catch {
    return -1 // no head, or out of date: the validator refuses it
  }
}

const publisherOf = async (envelope: Uint8Array): Promise<string> =>
  (await acceptHead(envelope, { policy: anyone })).head.publisher

const recordKey = (publisher: string): Uint8Array => new TextEncoder().encode(`/${SPACE}/${publisher}`)
const publisherOfKey = (key: Uint8Array): string => new TextDecoder().decode(key).slice(SPACE.length + 2)
const memoryKey = (publisher: string): Key => new Key(`${MEMORY}/${publisher}`)
const soon = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(DHT_TIMEOUT)])
