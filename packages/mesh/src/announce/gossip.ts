import { type GossipSub, type Message, TopicValidatorResult } from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import { type Log, MAX_ENVELOPE_BYTES, decodeValue, encodeValue } from '@hubmesh/content'
import { z } from 'zod'
import { type Allowance, createAllowance } from '../allowance.ts'
import { GOSSIP_IN_ALL, GOSSIP_PER_AUTHOR, MAX_KNOWN_PEERS } from '../limits.ts'
import { NEWS_TOPIC } from '../node/create-node.ts'

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

const MAX_MESSAGE_BYTES = MAX_ENVELOPE_BYTES + 64

const newsSchema = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('head'), envelope: z.instanceof(Uint8Array) }),
  z.looseObject({ type: z.literal('goodbye') }),
])
type News = { readonly type: 'head'; readonly envelope: Uint8Array } | { readonly type: 'goodbye' }

export const createGossip = ({ pubsub, log, onHead, onGoodbye }: GossipComponents): Gossip => {
  const authors = createAuthors()

  /** What is no news is not passed on, and counts against who sent it; too much from one author is only not passed on. */
  const validate = (_from: PeerId, message: Message): TopicValidatorResult => {
    if (message.type !== 'signed' || parseNews(message.data) === undefined) return TopicValidatorResult.Reject
    return authors.mayTell(message.from.toString()) ? TopicValidatorResult.Accept : TopicValidatorResult.Ignore
  }

  const onMessage = ({ detail: message }: { detail: Message }): void => {
    if (message.topic !== NEWS_TOPIC || message.type !== 'signed') return
    const news = parseNews(message.data)
    const author = message.from.toString()
    if (news?.type === 'head') onHead(news.envelope, author)
    else if (news?.type === 'goodbye') onGoodbye(author)
  }

  const publish = async (news: News): Promise<void> => {
    const { recipients } = await pubsub.publish(NEWS_TOPIC, encodeValue(news))
    log.debug({ type: news.type, recipients: recipients.length }, 'gossiped')
  }

  return {
    start: () => {
      pubsub.topicValidators.set(NEWS_TOPIC, validate)
      pubsub.addEventListener('message', onMessage)
      pubsub.subscribe(NEWS_TOPIC)
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

/** Who is one author too many counts only against all together. */
const createAuthors = (): { mayTell(author: string): boolean } => {
  const perSecond = (burst: number): Allowance => createAllowance({ burst, perSecond: burst / 60 })
  const all = perSecond(GOSSIP_IN_ALL)
  const authors = new Map<string, Allowance>()
  return {
    mayTell: (author) => {
      const own = authors.get(author) ?? perSecond(GOSSIP_PER_AUTHOR)
      authors.delete(author) // who was heard last is forgotten last
      authors.set(author, own)
      for (const [oldest] of authors) {
        if (authors.size <= MAX_KNOWN_PEERS) break
        authors.delete(oldest)
      }
      return own.take() && all.take()
    },
  }
}
