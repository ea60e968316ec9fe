import { type Socket, connect, createServer } from 'node:net'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeTicket, encodeTicket } from '@hubmesh/trust'
import type { SwarmNode } from './local-swarm.ts'

/** A way to a node of so many bytes a second: what goes over it can be caught in the middle. */
export interface SlowLink extends AsyncDisposable {
  /** The node's ticket, but that it leads over the link alone. */
  ticket(): Promise<string>
  /** Bytes that have left the link on the node's far side, whatever they were. */
  readonly bytes: number
  /** From now on. `Infinity`: as fast as it goes. */
  setRate(bytesPerSecond: number): void
  stop(): Promise<void>
}

/** So small that a slow link flows rather than jerks. */
const SLICE_BYTES = 32 * 1024

export const createSlowLink = async (node: SwarmNode, bytesPerSecond: number): Promise<SlowLink> => {
  const sockets = new Set<Socket>()
  let rate = bytesPerSecond
  let freeAt = 0
  let bytes = 0

  const pace = async (count: number): Promise<void> => {
    const now = performance.now()
    freeAt = Math.max(now, freeAt) + (count / rate) * 1000
    if (freeAt > now) await sleep(freeAt - now)
  }
  async function* paced(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const part of source) {
      for (let at = 0; at < part.length; at += SLICE_BYTES) {
        const slice = part.subarray(at, at + SLICE_BYTES)
        await pace(slice.length)
        bytes += slice.length
        yield slice
      }
    }
  }
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port: portOf(node), noDelay: true })
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    }
    const flows = [pipeline(near, far), pipeline(far, paced, near)]
    for (const flow of flows)
      flow.catch(() => {
        for (const socket of [near, far]) socket.destroy() // one end was killed: the other hears of it
      })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0

  const stop = async (): Promise<void> => {
    server.close()
    for (const socket of sockets) socket.destroy()
    if (server.listening) await once(server, 'close')
  }
  return {
    ticket: async () => {
      const addresses = [`/ip4/127.0.0.1/tcp/${port}/p2p/${node.peerId}`]
      return encodeTicket({ ...decodeTicket(await node.ticket()), addresses })
    },
    get bytes() {
      return bytes
    },
    setRate: (bytesPerSecond) => {
      rate = bytesPerSecond
      freeAt = 0
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Asked for at each connection: the node may have been started again. */
const portOf = ({ name, addresses }: SwarmNode): number => {
  const port = /\/tcp\/(\d+)/.exec(addresses[0] ?? '')?.[1]
  if (port === undefined) throw new Error(`${name} listens nowhere`)
  return Number(port)
}
