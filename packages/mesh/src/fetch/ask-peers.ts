import { type Block, type Cid, type Log, MeshError, type Signature, isMeshError, verifyBlock } from '@hubmesh/content'
import { BLOCK_HEDGE, BLOCK_TIMEOUT, MAX_SIGNATURES, SIGNATURES_TIMEOUT, SIGNATURE_PEERS } from '../limits.ts'
import type { Gate } from '../node/gate.ts'
import { wait } from '../node/wait.ts'
import type { Peer, Peers } from '../peers.ts'

interface Components {
  readonly peers: Peers
  readonly gate: Gate
  readonly log: Log
  /** Finds peers that may have it; resolves when those can be asked. True when there are any. */
  readonly findMore: (cid: Cid, signal: AbortSignal) => Promise<boolean>
}

export interface BlockOptions {
  readonly signal: AbortSignal
  /** A peer that may have it. */
  readonly hint?: string
}

/**
 * A block from whoever has it: connected peers first, then providers of its CID that others know.
 * @throws MeshError `not-ready` when nobody in reach has it; the signal's reason
 */
export const fetchBlock = async (components: Components, cid: Cid, options: BlockOptions): Promise<Block> => {
  const found = await askForBlock(components, cid, options)
  if (found !== undefined) return found
  const more = await components.findMore(cid, options.signal)
  const second = more ? await askForBlock(components, cid, options) : undefined
  if (second !== undefined) return second
  throw new MeshError('not-ready', `nobody in reach has the block ${cid}`, { retryAfter: 5 })
}

/**
 * A block from whichever connected peer has it: the hinted one first, then by nearness. The next is asked when one fails, or
 * has not answered within half a second. Undefined when none has it.
 * @throws the signal's reason
 */
const askForBlock = async (
  components: Components,
  cid: Cid,
  { signal, hint }: BlockOptions,
): Promise<Block | undefined> => {
  signal.throwIfAborted()
  const done = new AbortController()
  const asking = AbortSignal.any([signal, done.signal, AbortSignal.timeout(BLOCK_TIMEOUT)])
  const left = byNearness(components, hint)
  const { promise, resolve } = Promise.withResolvers<Block | undefined>()

  const askNext = async (): Promise<void> => {
    for (let peer = left.shift(); peer !== undefined && !asking.aborted; peer = left.shift()) {
      const hedge = new AbortController()
      const hedged = wait(BLOCK_HEDGE, AbortSignal.any([asking, hedge.signal])).then(() =>
        hedge.signal.aborted || asking.aborted ? undefined : askNext(),
      )
      const block = await blockFrom(components, { peer, cid, signal: asking })
      hedge.abort()
      if (block !== undefined) return resolve(block)
      await hedged
    }
  }

  try {
    void askNext().then(() => resolve(undefined))
    const block = await promise
    if (block === undefined) signal.throwIfAborted()
    return block
  } finally {
    done.abort()
  }
}

/** Signatures that connected peers know for a manifest: of each in turn one, so that no peer crowds out another's. */
export const askForSignatures = async (
  components: Components,
  manifest: Cid,
  signal: AbortSignal,
): Promise<readonly Signature[]> => {
  const asking = AbortSignal.any([signal, AbortSignal.timeout(SIGNATURES_TIMEOUT)])
  const asked = byNearness(components).slice(0, SIGNATURE_PEERS)
  const answers = await Promise.all(
    asked.map(async ({ link, peerId }): Promise<readonly Signature[]> => {
      try {
        return (await link?.signatures(manifest, asking)) ?? []
      } catch (error) {
        components.log.debug({ peerId, manifest, err: error }, 'no signatures from a peer')
        return []
      }
    }),
  )
  signal.throwIfAborted()
  return interleave(answers)
}

/** One of each list in turn, equal ones once, as many as are looked at. */
const interleave = (lists: readonly (readonly Signature[])[]): Signature[] => {
  const found = new Map<string, Signature>()
  const longest = Math.max(0, ...lists.map((list) => list.length))
  for (let place = 0; place < longest; place += 1) {
    for (const list of lists) {
      const signature = list[place]
      if (signature === undefined || found.size >= MAX_SIGNATURES) continue
      found.set(`${signature.keyid} ${Buffer.from(signature.sig).toString('hex')}`, signature)
    }
  }
  return [...found.values()]
}

/** Hinted first, those that failed a moment ago last; between them our site's, then the shortest round trip. */
const byNearness = ({ peers }: Components, hint?: string): Peer[] => {
  const now = performance.now()
  const rank = (peer: Peer): number =>
    peer.peerId === hint ? 0 : peer.path.restUntil > now ? 3 : peer.path.sameSite ? 1 : 2
  return peers.linked().toSorted((a, b) => rank(a) - rank(b) || (a.link?.rttMs() ?? 0) - (b.link?.rttMs() ?? 0))
}

const blockFrom = async (
  { gate, log }: Components,
  { peer, cid, signal }: { peer: Peer; cid: Cid; signal: AbortSignal },
): Promise<Block | undefined> => {
  const { peerId, link } = peer
  try {
    return link === undefined ? undefined : verifyBlock(cid, await link.block(cid, signal))
  } catch (error) {
    if (isMeshError(error, 'bad-bytes')) gate.ban(peerId, `sent wrong bytes for block ${cid}`)
    else if (!signal.aborted) log.debug({ peerId, cid, err: error }, 'no block from a peer')
    return undefined
  }
}
