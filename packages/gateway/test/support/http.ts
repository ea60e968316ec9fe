import { type Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request as httpRequest } from 'node:http'
import { type Socket, connect } from 'node:net'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  json(): unknown
}

export interface Ask {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer
  readonly agent?: Agent
}

/** One request whose target goes out exactly as given. Rejects when the connection breaks. */
export const ask = (
  url: string,
  target: string,
  { method = 'GET', headers = {}, body, agent }: Ask = {},
): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const request = httpRequest(
      { hostname, port, path: target, method, headers, ...(agent === undefined ? { agent: false } : { agent }) },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', reject)
        response.on('end', () => {
          const bytes = Buffer.concat(parts)
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: bytes,
            json: () => JSON.parse(bytes.toString()) as unknown,
          })
        })
      },
    )
    request.on('error', reject)
    request.end(body)
  })

export interface RawExchange {
  readonly socket: Socket
  /** What came so far. */
  received(): Buffer
  /** Resolves when at least so many bytes came. */
  until(bytes: number): Promise<void>
  /** How the other side ended it. */
  readonly ended: Promise<'fin' | 'reset'>
}

/** Bytes over a bare socket: for what an HTTP client would not send, and to see how a connection ends. */
export const exchange = (port: number, bytes: string | Buffer): RawExchange => {
  const socket = connect(port, '127.0.0.1')
  const parts: Buffer[] = []
  let length = 0
  const waiting = new Set<() => void>()
  socket.on('data', (part: Buffer) => {
    parts.push(part)
    length += part.length
    for (const look of waiting) look()
  })
  const ended = new Promise<'fin' | 'reset'>((resolve) => {
    socket.on('end', () => resolve('fin'))
    socket.on('error', () => resolve('reset'))
  })
  socket.write(bytes)
  return {
    socket,
    received: () => Buffer.concat(parts),
    until: (bytes) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (length < bytes) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    ended,
  }
}

export const get = (target: string, headers: readonly string[] = []): string =>
  [`GET ${target} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n')

/** Splits a raw answer into its head and what came of its body. */
export const parts = (answer: Buffer): { head: string; body: Buffer } => {
  const end = answer.indexOf('\r\n\r\n')
  return { head: answer.subarray(0, end).toString('latin1'), body: answer.subarray(end + 4) }
}
