import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'

/** Has a server listen on 127.0.0.1; gives its port. @param port @default any free one */
export const listen = async (server: Server, port = 0): Promise<number> => {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
