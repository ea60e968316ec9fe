/**
 * One end of a bare libp2p stream with stock options, for measuring: `stock-stream.ts give BYTES` prints its address and sends
 * so many bytes to whoever opens a stream; `stock-stream.ts take ADDRESS` connects, prints `connected`, takes them once a line comes
 * in, and prints their number. Both stay until they are killed, so that what they have used can be told.
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { noise } from '@chainsafe/libp2p-noise'
import type { Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { type Libp2p, createLibp2p } from 'libp2p'
import { KIB } from '@hubmesh/content'

const PROTOCOL = '/bench/1.0.0'
const PART_BYTES = 256 * KIB
/** A sender waits above this many bytes that have not left. */
const WRITE_HIGH = 1024 * KIB

const start = (listen: string[]): Promise<Libp2p> =>
  createLibp2p({
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })

const give = async (bytes: number): Promise<void> => {
  const node = await start(['/ip4/127.0.0.1/tcp/0'])
  const part = new Uint8Array(PART_BYTES).fill(1)
  await node.handle(PROTOCOL, async (stream) => {
    for (let left = bytes; left > 0; left -= part.length) {
      stream.send(part.subarray(0, left))
      while (stream.writeBufferLength > WRITE_HIGH) await drained(stream)
    }
    await stream.close()
  })
  console.log(String(node.getMultiaddrs()[0]))
}

const take = async (address: Multiaddr): Promise<void> => {
  const node = await start([])
  const connection = await node.dial(address)
  console.log('connected')
  await once(createInterface({ input: process.stdin }), 'line')
  const stream = await connection.newStream(PROTOCOL)
  let taken = 0
  for await (const part of stream) taken += part.byteLength
  console.log(String(taken))
}

const drained = (stream: Stream): Promise<void> =>
  new Promise((resolve) => stream.addEventListener('drain', () => resolve(), { once: true }))

const [, , role, argument = ''] = process.argv
await (role === 'give' ? give(Number(argument)) : take(multiaddr(argument)))
