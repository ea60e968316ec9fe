import { type AddressInfo, type Socket, isIP } from 'node:net'
import { KIB, type Log, MIB, MeshError } from '@hubmesh/content'
import { type FastifyInstance, fastify } from 'fastify'
import { respond } from './answer.ts'
import { errorAnswer } from './errors.ts'
import { endSocket } from './http/end-socket.ts'

/** The longest path of a repo is 4 KiB, up to 12 KiB when percent-encoded; the rest is for other headers. */
const MAX_HEADER_BYTES = 24 * KIB
/** Only paths-info has a body. */
const MAX_BODY_BYTES = MIB
const HEADERS_TIMEOUT_MS = 15_000
/** For the whole request to come in. */
const REQUEST_TIMEOUT_MS = 60_000
/** Longer than clients keep an idle connection: whoever closes first while the other sends breaks a HEAD, which is not retried. */
const KEEP_ALIVE_MS = 120_000
/** A client that takes nothing for so long holds a buffer for nothing. */
const STALL_TIMEOUT_MS = 300_000
/** One smallest buffer for each is 32 MiB, beside the pool. */
const MAX_CONNECTIONS = 2048
/** How long requests under way may go on when the gateway stops, and how long their connections may take to end. */
const STOP_GRACE_MS = 1_000
const STOP_CLOSE_MS = 500
const STOP_WITHIN_MS = 1_900

/** Fastify with this gateway's bounds. Every request goes to one route: the target is parsed by us, from its raw text. */
export const createServer = (
  log: Log,
  { connections = MAX_CONNECTIONS }: { connections?: number | undefined },
): FastifyInstance => {
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionTimeout: STALL_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    http: { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS },
    // Fastify's router decodes a path before it splits it, and refuses what does not decode.
    rewriteUrl: () => '/',
    clientErrorHandler: (error, socket) => refuseGarbage(error.code, socket),
  })
  app.server.maxConnections = connections
  // Node would just hang up.
  app.server.on('connect', (_request, socket: Socket) =>
    refuseRaw(socket, [400, 'Bad Request'], 'this is no proxy: set HF_ENDPOINT to its address instead'),
  )
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  const refuse = async (status: number, message: string, raw: Parameters<typeof respond>[0]): Promise<void> => {
    await respond(raw, errorAnswer(status, message))
  }
  app.setNotFoundHandler(async (_request, reply) => {
    reply.hijack()
    await refuse(405, 'that method is not known here', reply.raw)
  })
  app.setErrorHandler<Error & { statusCode?: number }>(async (error, _request, reply) => {
    const status = error.statusCode ?? 500
    if (status >= 500) log.error({ err: error }, 'a request failed')
    reply.hijack()
    await refuse(status, status >= 500 ? 'internal error' : error.message, reply.raw)
  })
  return app
}

/** @throws MeshError `busy` when the port is taken, `config` when the address cannot be bound, `io` */
export const listen = async (
  app: FastifyInstance,
  { host, port }: { host: string; port: number },
): Promise<{ url: string }> => {
  try {
    await app.listen({ host, port })
  } catch (cause) {
    throw listenError(cause, `${host}:${port}`)
  }
  const address = app.server.address() as AddressInfo
  return { url: `http://${reachableName(host)}:${address.port}` }
}

export interface RequestsUnderWay {
  abort(): void
  /** Resolves once they have let go of what they read from. */
  ended(): Promise<void>
}

/** Within 2 s, whatever clients do. */
export const stopServer = async (app: FastifyInstance, requests: RequestsUnderWay): Promise<void> => {
  const closed = app.close().then(() => requests.ended())
  const timers = [
    setTimeout(() => requests.abort(), STOP_GRACE_MS),
    setTimeout(() => app.server.closeAllConnections(), STOP_GRACE_MS + STOP_CLOSE_MS),
  ]
  const { promise: late, resolve } = Promise.withResolvers<void>()
  timers.push(setTimeout(resolve, STOP_WITHIN_MS))
  try {
    await Promise.race([closed, late])
  } finally {
    for (const timer of timers) clearTimeout(timer)
  }
}

const listenError = (cause: unknown, where: string): MeshError => {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'EADDRINUSE')
    return new MeshError('busy', `the gateway's address ${where} is taken`, {
      hint: 'another program or node listens there: stop it, or choose another with --gateway HOST:PORT',
      cause,
    })
  if (code === 'EACCES')
    return new MeshError('config', `no permission to listen on ${where}`, {
      hint: 'ports below 1024 are for root: choose a higher one with --gateway HOST:PORT',
      cause,
    })
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new MeshError('config', `this machine has no address ${where}`, {
      hint: 'give one of its own with --gateway HOST:PORT, for example 127.0.0.1:8642',
      cause,
    })
  return new MeshError('io', `the gateway cannot listen on ${where}`, { cause })
}

/** A wildcard address cannot be connected to by that name everywhere. */
const reachableName = (host: string): string => {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return isIP(name) === 6 ? `[${name}]` : name
}

type Status = readonly [number, string]

const GARBAGE: Readonly<Record<string, Status>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
}
/** What a person may have typed, as it stands: curl sends it so. */
const HINTS: Readonly<Record<string, string>> = {
  HPE_INVALID_URL: 'the address holds letters that have to be percent-encoded',
}

/** What is not HTTP gets an answer and a FIN, once: what comes behind it is read away, since closing over it would be a reset. */
const refuseGarbage = (code: string, socket: Socket): void => {
  if (socket.writableEnded) return
  if (code === 'ECONNRESET' || !socket.writable) socket.destroy()
  else refuseRaw(socket, GARBAGE[code] ?? [400, 'Bad Request'], HINTS[code])
}

const refuseRaw = (socket: Socket, [status, reason]: Status, hint?: string): void => {
  const body = hint === undefined ? '' : JSON.stringify({ error: hint })
  const fields = ['Connection: close', `Content-Length: ${Buffer.byteLength(body)}`]
  if (hint !== undefined) fields.push('Content-Type: application/json; charset=utf-8', `X-Error-Message: ${hint}`)
  endSocket(socket, [`HTTP/1.1 ${status} ${reason}`, ...fields, '', body].join('\r\n'))
}
