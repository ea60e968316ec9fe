/** Some of a crowd's peers in a process of their own: does what its parent says, and answers each order. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cid, isMeshError, sha256Of } from '@hubmesh/content'
import type { PeerLink } from '../../../packages/mesh/src/exchange/link.ts'
import { type LightPeer, createLightPeer } from '../../../packages/mesh/test/support/light-peer.ts'
import { type FoundList, findList } from './find-list.ts'

export type Order =
  | {
      readonly type: 'join'
      readonly address: string
      /** Network key, in hex. */
      readonly key: string
      readonly count: number
    }
  /** So many peers read all chunks of the first large file of a model, so many times. */
  | {
      readonly type: 'read'
      readonly publisher: string
      readonly repo: string
      readonly peers: number
      readonly times: number
    }
  /** So many peers, the last ones, ask for its chunks and take nothing. */
  | { readonly type: 'stall'; readonly publisher: string; readonly repo: string; readonly peers: number }
  | { readonly type: 'count' }

export interface Answer {
  /** Peers that are connected, and can ask. */
  readonly connected: number
  /** Chunks that were read and are what they should be, in this order. */
  readonly chunks: number
  readonly failure?: string
}

interface Member {
  readonly peer: LightPeer
  link: PeerLink
}

/** An order is given up after so long. */
const PATIENCE_MS = 120_000
const members: Member[] = []

const join = async (order: Extract<Order, { type: 'join' }>): Promise<void> => {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const key = Buffer.from(order.key, 'hex')
  while (members.length < order.count) {
    const peer = await createLightPeer({ key, site: 'crowd' })
    const link = await joinAgain(peer, order.address, signal)
    members.push({ peer, link })
    void link.ended.then(() => members.splice(0, members.length, ...members.filter((one) => one.link !== link)))
  }
}

/** A node takes so many connections a second: who is refused comes again, as every member does. */
const joinAgain = async (peer: LightPeer, address: string, signal: AbortSignal): Promise<PeerLink> => {
  for (;;) {
    try {
      return await peer.join(address, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof Error)) throw error
      await sleep(200 + Math.random() * 300)
    }
  }
}

const find = async ({ publisher, repo }: { publisher: string; repo: string }): Promise<FoundList> => {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const [first] = members
  while (first?.peer.heads[0] === undefined) await sleep(50, undefined, { signal })
  const head = first.peer.heads.at(-1) ?? first.peer.heads[0]
  return findList({ head, publisher, repo }, (cid) => first.link.block(cid, signal))
}

const read = async (order: Extract<Order, { type: 'read' }>): Promise<number> => {
  const list = await find(order)
  const all = members.slice(0, order.peers).map(({ link }) => readAll(link, list, order.times))
  return (await Promise.all(all)).reduce((sum, count) => sum + count, 0)
}

const readAll = async (link: PeerLink, { set, chunks }: FoundList, times: number): Promise<number> => {
  let right = 0
  for (let time = 0; time < times; time += 1)
    for (const [index, { sha256, length }] of chunks.entries())
      if (sha256Of((await ask(link, { set, index, length })).subarray()) === sha256) right += 1
  return right
}

const ask = async (link: PeerLink, chunk: { set: Cid; index: number; length: number }) => {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  for (;;) {
    try {
      return await link.chunk({ ...chunk, priority: 'whole' }, signal)
    } catch (error) {
      if (!isMeshError(error, 'busy')) throw error
      await sleep(1000 * (error.retryAfter ?? 1))
    }
  }
}

const stall = async (order: Extract<Order, { type: 'stall' }>): Promise<void> => {
  const { set, chunks } = await find(order)
  const indexes = [...chunks.keys()]
  const signal = AbortSignal.timeout(PATIENCE_MS)
  if (order.peers === 0) return
  await Promise.all(members.slice(-order.peers).map(({ peer }) => peer.stall(set, indexes, signal)))
}

const follow = async (order: Order): Promise<number> => {
  if (order.type === 'join') await join(order)
  else if (order.type === 'read') return read(order)
  else if (order.type === 'stall') await stall(order)
  return 0
}

const connected = (): number => members.filter(({ peer }) => peer.isConnected()).length

process.on('message', (order: Order) => {
  follow(order).then(
    (chunks) => process.send?.({ connected: connected(), chunks } satisfies Answer),
    (error: unknown) => process.send?.({ connected: connected(), chunks: 0, failure: String(error) } satisfies Answer),
  )
})
