import { type Socket, connect, createServer } from 'node:net'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeTicket, encodeTicket } from '@hubmesh/trust'
import { listen } from './listen.ts'
import type { SwarmNode } from './local-swarm.ts'

/** A way to a server of so many bytes a second: what goes over it can be caught in the middle. */
export interface PacedLink extends AsyncDisposable {
  /** On 127.0.0.1, of the near side. */
  readonly port: number
  /** Bytes that have left the link on the near side, whatever they were. */
  readonly bytes: number
  /** From now on. `Infinity`: as fast as it goes. */
  setRate(bytesPerSecond: number): void
  /** Nothing passes from now on, either way, and nobody is told. */
  hold(): void
  /** Ends what is connected, and refuses what comes. */
  cut(): Promise<void>
  /** After `hold` or `cut`: on the same port, as before. */
  heal(): Promise<void>
  stop(): Promise<void>
}

/** A way to a node. */
export interface SlowLink extends PacedLink {
  /** The node's ticket, but that it leads over the link alone. */
  ticket(): Promise<string>
}

/** Bytes that pass at a time: what a packet holds, and on a fast link as many as a timer can tell apart. */
const MIN_SLICE_BYTES = 1_500
const MAX_SLICE_BYTES = 32 * 1024
const SLICE_SECONDS = 0.003
/** How late a timer may be, so that the slices after it do not pay for it. */
const LATE_MS = 2

export const createSlowLink = async (node: SwarmNode, bytesPerSecond: number): Promise<SlowLink> => {
  const link = await createPacedLink(() => portOf(node), bytesPerSecond)
  const ticket = async (): Promise<string> => {
    const addresses = [`/ip4/127.0.0.1/tcp/${link.port}/p2p/${node.peerId}`]
    return encodeTicket({ ...decodeTicket(await node.ticket()), addresses })
  }
  return Object.assign(link, { ticket })
}

/** @param portOf asked at each connection, of a server on 127.0.0.1: it may have been started again */
export const createPacedLink = async (portOf: () => number, bytesPerSecond: number): Promise<PacedLink> => {
  const sockets = new Set<Socket>()
  let rate = bytesPerSecond
  let freeAt = 0
  let bytes = 0
  let open = Promise.withResolvers<void>()
  open.resolve()

  const pace = async (count: number): Promise<void> => {
    const now = performance.now()
    freeAt = Math.max(now - LATE_MS, freeAt) + (count / rate) * 1000
    if (freeAt > now) await sleep(freeAt - now)
  }
  const sliceBytes = (): number => Math.min(MAX_SLICE_BYTES, Math.max(MIN_SLICE_BYTES, Math.ceil(rate * SLICE_SECONDS)))
  async function* paced(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const part of source) {
      for (let at = 0; at < part.length;) {
        const slice = part.subarray(at, at + sliceBytes())
        await pace(slice.length)
        await open.promise
        at += slice.length
        bytes += slice.length
        yield slice
      }
    }
  }
  async function* held(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const part of source) {
      await open.promise
      yield part
    }
  }
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port: portOf(), noDelay: true })
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    }
    const flows = [pipeline(near, held, far), pipeline(far, paced, near)]
    for (const flow of flows)
      flow.catch(() => {
        for (const socket of [near, far]) socket.destroy() // one end was killed: the other hears of it
      })
  })
  const port = await listen(server)

  const cut = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  const heal = async (): Promise<void> => {
    open.resolve()
    if (!server.listening) await listen(server, port)
  }
  return {
    port,
    get bytes() {
      return bytes
    },
    setRate: (bytesPerSecond) => {
      rate = bytesPerSecond
      freeAt = 0
    },
    hold: () => {
      open = Promise.withResolvers()
    },
    cut,
    heal,
    stop: cut,
    [Symbol.asyncDispose]: cut,
  }
}

const portOf = ({ name, addresses }: SwarmNode): number => {
  const port = /\/tcp\/(\d+)/.exec(addresses[0] ?? '')?.[1]
  if (port === undefined) throw new Error(`${name} listens nowhere`)
  return Number(port)
}
