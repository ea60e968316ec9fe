import { once } from 'node:events'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server before a Hub that answers some requests itself, and passes the others on. */
export interface TwistedHub {
  readonly url: string
  /** The `Authorization` of each request that came, undefined where there was none. */
  readonly authorizations: (string | undefined)[]
  [Symbol.asyncDispose](): Promise<void>
}

/** @returns true when it has taken the request */
export type Twist = (request: IncomingMessage, response: ServerResponse) => boolean

export const createTwistedHub = async (upstream: string, twist: Twist): Promise<TwistedHub> => {
  const authorizations: (string | undefined)[] = []
  const server = createServer((request, response) => {
    authorizations.push(request.headers.authorization)
    // The Hub behind it may stop while it is asked.
    if (!twist(request, response)) passOn(upstream, request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    authorizations,
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

const passOn = async (upstream: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const { authorization, range } = request.headers
  const answer = await fetch(`${upstream}${request.url}`, {
    redirect: 'manual',
    headers: { ...(authorization && { authorization }), ...(range && { range }), 'accept-encoding': 'identity' },
  })
  const body = Buffer.from(await answer.arrayBuffer())
  const kept = [...answer.headers].filter(([name]) => !['transfer-encoding', 'connection', 'keep-alive'].includes(name))
  response.writeHead(answer.status, Object.fromEntries(kept)).end(body)
}
