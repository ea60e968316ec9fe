import { once } from 'node:events'
import { type RequestListener, type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One port of 127.0.0.1 that can be closed and opened again. */
export interface Listener {
  /** 0 before the first start. */
  readonly port: number
  start(): Promise<void>
  /** Ends all connections too: what comes meanwhile is refused. */
  stop(): Promise<void>
}

export const createListener = (wanted: number, handle: RequestListener): Listener => {
  let server: Server | undefined
  let port = wanted

  return {
    get port() {
      return port
    },
    start: async () => {
      if (server !== undefined) return
      const starting = createServer(handle)
      starting.listen(port, '127.0.0.1')
      await once(starting, 'listening')
      server = starting
      ;({ port } = starting.address() as AddressInfo)
    },
    stop: async () => {
      const stopping = server
      if (stopping === undefined) return
      server = undefined
      stopping.close()
      stopping.closeAllConnections()
      await once(stopping, 'close')
    },
  }
}
