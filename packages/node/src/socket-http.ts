import { type Socket, connect } from 'node:net'
import { StringDecoder } from 'node:string_decoder'

/**
 * HTTP/1.0 over a Unix socket, as much as the control socket needs: one request a connection, the answer's body ends with
 * it. By hand, because loading `node:http` takes 45 ms, ten times what the rest of `hubmesh status` takes.
 */
export interface SocketRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** Sent as JSON. */
  readonly body?: object
  readonly signal: AbortSignal
}

export interface SocketAnswer {
  readonly status: number
  /** The body as text, as it comes. Leaving the loop early ends the connection. */
  readonly body: AsyncIterable<string>
}

const MAX_HEAD_CHARACTERS = 16 * 1024

/** @throws Error of the socket, the signal's reason, or that this is no HTTP */
export const requestOverSocket = async (socketPath: string, request: SocketRequest): Promise<SocketAnswer> => {
  const { method, path, body, signal } = request
  signal.throwIfAborted()
  const socket = connect({ path: socketPath, signal })
  const payload = body === undefined ? '' : JSON.stringify(body)
  const lines = [
    `${method} ${path} HTTP/1.0`,
    'host: localhost',
    ...(body === undefined ? [] : ['content-type: application/json', `content-length: ${Buffer.byteLength(payload)}`]),
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n${payload}`)
  const text = textOf(socket)
  let head = ''
  for (;;) {
    const part = await text.next()
    if (part.done === true || head.length > MAX_HEAD_CHARACTERS) throw new Error('the answer is no HTTP')
    head += part.value
    const end = head.indexOf('\r\n\r\n')
    if (end >= 0) return { status: statusOf(head), body: following(head.slice(end + 4), text) }
  }
}

const statusOf = (head: string): number => {
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(head) ?? []
  if (status === undefined) throw new Error('the answer is no HTTP')
  return Number(status)
}

async function* textOf(socket: Socket): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8')
  for await (const part of socket) yield decoder.write(part as Buffer)
}

async function* following(first: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  if (first !== '') yield first
  yield* rest
}
