import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { PeerId } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { type Cid, link as cidLink } from '@hubmesh/content'
import { createFurtherConnections } from '../../src/exchange/further-connections.ts'
import { readFrames, sendFrame } from '../../src/exchange/frames.ts'
import { type PeerLink, openLink } from '../../src/exchange/link.ts'
import { EXCHANGE, decodeMessage, encodeMessage, helloMessage, requestSchema } from '../../src/exchange/messages.ts'
import { FAR } from '../../src/limits.ts'
import { NEWS_TOPIC } from '../../src/node/create-node.ts'
import { meshNoise } from '../../src/node/fast-noise.ts'
import { fastTcp } from '../../src/node/fast-tcp.ts'
import { createHeardBytes } from '../../src/node/heard-bytes.ts'

/** A member that holds nothing and finds nobody by itself, so that hundreds fit into a process: no store, no DHT, no disk. */
export interface LightPeer {
  readonly peerId: string
  /** What the other has told of heads. */
  readonly heads: readonly Uint8Array[]
  /** Connects to a node and asks it, as every member does; answers what it asks. */
  join(address: string, signal: AbortSignal): Promise<PeerLink>
  /** Asks for chunks on a stream of its own, and reads nothing of it. */
  stall(set: Cid, indexes: readonly number[], signal: AbortSignal): Promise<void>
  isConnected(): boolean
  close(): Promise<void>
}

const MANY = { maxInboundStreams: 8, maxOutboundStreams: 8 }

export const createLightPeer = async ({ key, site }: { key: Uint8Array; site: string }): Promise<LightPeer> => {
  const node = await createLibp2p({
    addresses: { listen: [] },
    transports: [fastTcp()],
    connectionEncrypters: [meshNoise(key)],
    streamMuxers: [yamux({ enableKeepAlive: false })],
    services: {
      identify: identify({ protocolPrefix: 'hubmesh' }),
      ping: ping(),
      pubsub: gossipsub({ allowPublishToZeroTopicPeers: true, emitSelf: false, allowedTopics: [NEWS_TOPIC] }),
    },
  })
  node.services.pubsub.subscribe(NEWS_TOPIC)
  const hello = { site, role: 'peer' as const, features: [] }
  const further = createFurtherConnections(node)
  const heads: Uint8Array[] = []
  let giver: PeerId | undefined

  await node.handle(
    EXCHANGE,
    async (stream) => {
      try {
        for await (const frame of readFrames(stream).frames) {
          const { message } = decodeMessage(requestSchema, frame)
          if (message.type === 'hello') sendFrame(stream, helloMessage(hello))
          else if (message.type === 'open')
            sendFrame(stream, encodeMessage({ type: 'have', id: message.id, length: 0, at: 0, complete: false }))
          else if ('id' in message && message.type !== 'cancel')
            sendFrame(stream, encodeMessage({ type: 'refusal', id: message.id, reason: 'not-found' }))
        }
      } catch {
        // the node has gone
      }
    },
    MANY,
  )

  return {
    peerId: node.peerId.toString(),
    heads,
    join: async (address, signal) => {
      giver = (await node.dial(multiaddr(address), { signal })).remotePeer
      return openLink({ node, further, heard: createHeardBytes() }, giver, {
        hello,
        far: FAR,
        onHead: (envelope) => heads.push(envelope),
        onLate: () => {},
        watch: () => () => {},
      })
    },
    stall: async (set, indexes, signal) => {
      if (giver === undefined) throw new Error('it has not joined')
      const stream = await node.dialProtocol(giver, EXCHANGE, { ...MANY, signal })
      sendFrame(stream, helloMessage(hello))
      for (const [id, index] of indexes.entries())
        sendFrame(stream, encodeMessage({ type: 'chunk', id, set: cidLink(set), index, priority: 'reader' }))
      stream.pause()
    },
    isConnected: () => node.getConnections().some(({ status }) => status === 'open'),
    close: async () => node.stop(),
  }
}
