/**
 * Loaded into a node before its own code (`node --import`): counts what goes over its connections with other nodes, by what it
 * belongs to, and writes the sums to TRAFFIC_FILE when it gets SIGUSR2. A frame counts with its 12 bytes of yamux and 18 of noise.
 */
import { subscribe } from 'node:diagnostics_channel'
import { renameSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Traffic } from './traffic.ts'

interface Count {
  readonly stream: { readonly protocol?: string }
  bytes: number
  frames: number
}
interface Frame {
  readonly header: { readonly streamID: number; readonly length: number; readonly type: number }
}
interface Muxer {
  readonly streams: (Count['stream'] & { readonly streamId: number })[]
  sendFrame(header: Frame['header'], data?: unknown): unknown
  handleFrame(frame: Frame): void
}

const FRAME_BYTES = 12 + 18
const DATA = 0
const counts = new Map<object, Count>()
const sockets = new Set<Socket>()

const count = (stream: Count['stream'], { type, length }: Frame['header']): void => {
  const known = counts.get(stream) ?? { stream, bytes: 0, frames: 0 }
  counts.set(stream, known)
  known.frames += 1
  known.bytes += FRAME_BYTES + (type === DATA ? length : 0)
}

const inside = new URL('muxer.js', import.meta.resolve('@libp2p/yamux'))
const { YamuxMuxer } = (await import(inside.href)) as { YamuxMuxer: { prototype: Muxer } }
// oxlint-disable-next-line typescript/unbound-method -- called with the muxer they are of
const { sendFrame, handleFrame } = YamuxMuxer.prototype
const streamOf = ({ streams }: Muxer, id: number): Count['stream'] | undefined =>
  streams.find(({ streamId }) => streamId === id)

YamuxMuxer.prototype.sendFrame = function (this: Muxer, header, data) {
  const stream = streamOf(this, header.streamID)
  if (stream !== undefined) count(stream, header)
  return sendFrame.call(this, header, data)
}
YamuxMuxer.prototype.handleFrame = function (this: Muxer, frame) {
  const before = streamOf(this, frame.header.streamID)
  handleFrame.call(this, frame)
  const stream = before ?? streamOf(this, frame.header.streamID) // a first frame makes its stream
  if (stream !== undefined) count(stream, frame.header)
}

const port = Number(/\/tcp\/(\d+)/.exec(process.argv.join(' '))?.[1])
subscribe('net.client.socket', (message) => sockets.add((message as { socket: Socket }).socket))
subscribe('net.server.socket', (message) => {
  const { socket } = message as { socket: Socket }
  if (socket.localPort === port) sockets.add(socket)
})

const sums: Traffic = { ping: 0, gossip: 0, dht: 0, exchange: 0, other: 0, all: 0 }
const KINDS: readonly (readonly [RegExp, keyof Traffic])[] = [
  [/^\/ipfs\/ping\//, 'ping'],
  [/^\/meshsub\//, 'gossip'],
  [/^\/hubmesh\/kad\//, 'dht'],
  [/^\/hubmesh\/exchange\//, 'exchange'],
]
const kindOf = (protocol = ''): keyof Traffic => KINDS.find(([pattern]) => pattern.test(protocol))?.[1] ?? 'other'
const lastOf = new WeakMap<Socket, number>()

process.on('SIGUSR2', () => {
  for (const one of counts.values()) {
    sums[kindOf(one.stream.protocol)] += one.bytes
    one.bytes = 0
  }
  for (const [stream, { frames }] of counts) if (frames > 0 && isOver(stream)) counts.delete(stream)
  for (const socket of sockets) {
    const now = socket.bytesRead + socket.bytesWritten
    sums.all += now - (lastOf.get(socket) ?? 0)
    lastOf.set(socket, now)
    if (socket.destroyed) sockets.delete(socket)
  }
  const path = process.env['TRAFFIC_FILE'] ?? ''
  writeFileSync(`${path}.new`, JSON.stringify(sums))
  renameSync(`${path}.new`, path)
})

const isOver = (stream: object): boolean =>
  'status' in stream && stream.status !== 'open' && stream.status !== 'closing'
