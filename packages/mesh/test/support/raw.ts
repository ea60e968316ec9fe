import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { LevelDatastore } from 'datastore-level'
import { Key } from 'interface-datastore/key'
import type { Uint8ArrayList } from 'uint8arraylist'
import { silentLog } from '@hubmesh/content'
import { createHeadRecords } from '../../src/announce/head-records.ts'
import { readFrames, sendFrame } from '../../src/exchange/frames.ts'
import {
  EXCHANGE,
  type Request,
  decodeMessage,
  encodeMessage,
  helloMessage,
  requestSchema,
} from '../../src/exchange/messages.ts'
import { type MeshNode, type NodeOptions, createNode } from '../../src/node/create-node.ts'
import { type Lab, networkKey, soon } from './lab.ts'

/** A member of the network without a mesh of its own: the test speaks the protocol for it. */
export interface RawNode {
  readonly node: MeshNode
  readonly address: string
  /** The newest head record of a publisher that its DHT finds. */
  findHead(publisher: string): Promise<Uint8Array | undefined>
  /** The head record of a publisher that others have stored here. */
  storedHead(publisher: string): Promise<Uint8Array | undefined>
  /** Answers exchange streams by hand. */
  serve(answer: (request: Request, stream: Stream) => void): Promise<void>
  /** An exchange stream to a node, greeted or not. */
  open(address: string, options?: { greet?: boolean }): Promise<Stream>
}

export interface RawOptions {
  /** Network key. @default the lab's */
  readonly key?: Uint8Array
  /** Where it says that it stands. */
  readonly site?: string
  /** Hangs up on everybody, as on one that it has banned. */
  readonly refuse?: boolean
  /** Relays so for others, who are heard by `onBytes`. */
  readonly relay?: NodeOptions['relay']
  readonly onBytes?: NodeOptions['onBytes']
}

export const createRaw = async (
  lab: Lab,
  { key = networkKey('ours'), site = 'raw', refuse = false, relay, onBytes }: RawOptions = {},
): Promise<RawNode> => {
  const datastore = new LevelDatastore(await lab.folder())
  await datastore.open()
  lab.defer(() => datastore.close())
  const records = createHeadRecords(
    { datastore, log: silentLog, isWanted: () => true },
    { signal: new AbortController().signal },
  )
  const node = await createNode({
    privateKey: await generateKeyPair('Ed25519'),
    networkKeys: [key],
    listen: ['/ip4/127.0.0.1/tcp/0'],
    announce: [],
    mdns: false,
    relay,
    ...(onBytes === undefined ? {} : { onBytes }),
    datastore,
    gater: { denyInboundEncryptedConnection: () => refuse },
    records: records.hooks,
    log: silentLog,
  })
  lab.defer(async () => node.stop())
  await node.start()
  const hello = helloMessage({ site, role: 'peer', features: [] })
  const many = { maxInboundStreams: 64, maxOutboundStreams: 64 }

  const serve: RawNode['serve'] = (answer) =>
    node.handle(
      EXCHANGE,
      (stream) => {
        void serveStream(stream, { hello, answer })
      },
      many,
    )

  const open: RawNode['open'] = async (address, { greet = true } = {}) => {
    const stream = await node.dialProtocol(multiaddr(address), EXCHANGE, { ...many, signal: soon() })
    if (greet) sendFrame(stream, hello)
    return stream
  }

  return {
    node,
    address: String(node.getMultiaddrs()[0]),
    storedHead: async (publisher) => {
      const key = new Key(`/hubmesh/heads/${publisher}`)
      return (await datastore.has(key)) ? Uint8Array.from(await datastore.get(key)) : undefined
    },
    findHead: (publisher) => records.find(node.services.dht, publisher),
    serve,
    open,
  }
}

export const reply = (stream: Stream, header: object, payload?: Uint8Array): void => {
  if (stream.status === 'open') sendFrame(stream, encodeMessage(header, payload))
}

/** All frames that a node sends on a stream, until it ends; how it ended does not matter. */
export const collectFrames = (stream: Stream): { readonly frames: Uint8ArrayList[]; readonly ended: Promise<void> } => {
  const frames: Uint8ArrayList[] = []
  const read = async (): Promise<void> => {
    try {
      for await (const frame of readFrames(stream).frames) frames.push(frame)
    } catch {
      // a reset, as the tests of hostile peers expect
    }
  }
  return { frames, ended: read() }
}

const serveStream = async (
  stream: Stream,
  { hello, answer }: { hello: Uint8ArrayList; answer: (request: Request, stream: Stream) => void },
): Promise<void> => {
  try {
    for await (const frame of readFrames(stream).frames) {
      const { message } = decodeMessage(requestSchema, frame)
      if (message.type === 'hello') sendFrame(stream, hello)
      else answer(message, stream)
    }
  } catch {
    // the node under test has reset it
  }
}
