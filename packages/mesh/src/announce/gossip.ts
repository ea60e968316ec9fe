import { type GossipSub, type Message, TopicValidatorResult } from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import { type Log, MAX_ENVELOPE_BYTES, decodeValue, encodeValue } from '@hubmesh/content'
import { z } from 'zod'
import { MAX_GOSSIP_PER_MINUTE, MAX_KNOWN_PEERS, MINUTE } from '../limits.ts'

/** Small news for everyone: sealed catalog heads, and who leaves. */
export interface Gossip {
  start(): void
  head(envelope: Uint8Array): Promise<void>
  goodbye(): Promise<void>
}

export interface GossipComponents {
  readonly pubsub: GossipSub
  readonly log: Log
  readonly onHead: (envelope: Uint8Array, from: string) => void
  /** The author itself said so: gossipsub has checked its signature. */
  readonly onGoodbye: (peerId: string) => void
}

const TOPIC = '/hubmesh/catalogs/1'
const MAX_MESSAGE_BYTES = MAX_ENVELOPE_BYTES + 64

const newsSchema = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('head'), envelope: z.instanceof(Uint8Array) }),
  z.looseObject({ type: z.literal('goodbye') }),
])
type News = { readonly type: 'head'; readonly envelope: Uint8Array } | { readonly type: 'goodbye' }

export const createGossip = ({ pubsub, log, onHead, onGoodbye }: GossipComponents): Gossip => {
  const allowance = createAllowance()

  /** What is no news is not passed on, and counts against who sent it; too much from one author is only not passed on. */
  const validate = (_from: PeerId, message: Message): TopicValidatorResult => {
    if (message.type !== 'signed' || parseNews(message.data) === undefined) return TopicValidatorResult.Reject
    return allowance.take(message.from.toString()) ? TopicValidatorResult.Accept : TopicValidatorResult.Ignore
  }

  const onMessage = ({ detail: message }: { detail: Message }): void => {
    if (message.topic !== TOPIC || message.type !== 'signed') return
    const news = parseNews(message.data)
    const author = message.from.toString()
    if (news?.type === 'head') onHead(news.envelope, author)
    else if (news?.type === 'goodbye') onGoodbye(author)
  }

  const publish = async (news: News): Promise<void> => {
    const { recipients } = await pubsub.publish(TOPIC, encodeValue(news))
    log.debug({ type: news.type, recipients: recipients.length }, 'gossiped')
  }

  return {
    start: () => {
      pubsub.topicValidators.set(TOPIC, validate)
      pubsub.addEventListener('message', onMessage)
      pubsub.subscribe(TOPIC)
    },
    head: (envelope) => publish({ type: 'head', envelope }),
    goodbye: () => publish({ type: 'goodbye' }),
  }
}

const parseNews = (data: Uint8Array): News | undefined => {
  if (data.length > MAX_MESSAGE_BYTES) return undefined
  try {
    const parsed = newsSchema.safeParse(decodeValue(data))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined // not even DAG-CBOR, which is all that decodeValue throws for
  }
}

/** So many messages of an author in a minute. */
const createAllowance = (): { take(author: string): boolean } => {
  const counts = new Map<string, number>()
  let since = 0
  return {
    take: (author) => {
      const now = performance.now()
      if (now - since > MINUTE || counts.size > MAX_KNOWN_PEERS) {
        counts.clear()
        since = now
      }
      const count = (counts.get(author) ?? 0) + 1
      counts.set(author, count)
      return count <= MAX_GOSSIP_PER_MINUTE
    },
  }
}
