import type { Socket } from 'node:net'
import { type Library, type Log, type NodeStatus, type ReadyStatus, type RepoRef, repoKey } from '@hubmesh/content'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Access, type Visitor, createAccess } from './access.ts'
import { type Answer, type HeaderFields, respond, withTag } from './answer.ts'
import { createBufferPool } from './body/buffer-pool.ts'
import { failureAnswer, isOurFault } from './errors.ts'
import { headerText } from './http/headers.ts'
import { parseRoute } from './http/parse-route.ts'
import type { Route, ShortNames } from './http/route.ts'
import { isOwnTarget, querySuffix } from './http/target.ts'
import { createProcessMeter } from './metrics/process-meter.ts'
import { createRequestMeter } from './metrics/request-meter.ts'
import { answerRoute, isBytesRoute, refuseMethod } from './routes/index.ts'
import type { GatewayRequest, Room } from './routes/request.ts'
import { type RequestsUnderWay, createServer, listen, stopServer } from './server.ts'

export interface GatewayComponents {
  readonly library: Library
  readonly status: () => Promise<NodeStatus>
  readonly ready: () => ReadyStatus
  readonly log: Log
}

export interface GatewayOptions {
  /** Name or address to bind. */
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  /** Names beside loopback and the bound address that `Host` may have. @default [] */
  readonly hosts?: readonly string[] | undefined
  /** Origins whose pages may read, as `https://name:port`. @default [] */
  readonly origins?: readonly string[] | undefined
  /** Short names of repos: `/models/NAME/…`, `/datasets/NAME/…`. @default none */
  readonly aliases?: Readonly<Record<string, RepoRef>> | undefined
  /** Connections at a time; above it they are hung up. @default 2 048 */
  readonly connections?: number | undefined
}

export interface Gateway {
  /** @throws MeshError `busy` when the port is taken, `config` when the address cannot be bound, `io` */
  start(): Promise<{ url: string }>
  /** Takes no more requests, lets those under way end for a moment, closes. Within 2 s. */
  stop(): Promise<void>
}

/** A gateway as Hub clients expect the Hub, over what the library has. Once stopped it is not started again. */
export const createGateway = (components: GatewayComponents, options: GatewayOptions): Gateway => {
  const { library, status, ready, log } = components
  const access = createAccess({ host: options.host, hosts: options.hosts ?? [], origins: options.origins ?? [] })
  const names = shortNames(options.aliases ?? {})
  const underWay = new Map<Promise<void>, AbortController>()
  const requestMeter = createRequestMeter()
  const processMeter = createProcessMeter()
  const metrics: Room['metrics'] = () => [
    {
      name: 'hubmesh_gateway_open_requests',
      type: 'gauge',
      help: 'Requests that are being answered.',
      samples: [{ value: underWay.size }],
    },
    ...requestMeter.metrics(),
    ...processMeter.metrics(),
  ]
  const room: Room = { library, status, ready, log, pool: createBufferPool(), metrics }
  const app = createServer(log, options)

  app.addHook('onRequest', async (request, reply) => {
    request.meshRoute = parseRoute(request.originalUrl, names)
    requestMeter.watch(request.meshRoute.kind, reply.raw)
    const visitor = visitorOf(request)
    request.visitor = visitor
    const answer = access.judge(visitor) ?? refuseMethod(visitor, request.meshRoute)
    if (answer !== undefined) await send(reply, withCommon(answer, visitor, access))
  })
  // Pipelined requests of one connection are answered one after another: each would hold buffers until its turn.
  const turns = new WeakMap<Socket, Promise<void>>()
  app.all('/', async (request, reply) => {
    const { socket } = request.raw
    const leaving = new AbortController()
    const answered = (turns.get(socket) ?? Promise.resolve()).then(async () => {
      const leave = (): void => leaving.abort(new Error('the client has left'))
      socket.once('close', leave)
      if (socket.destroyed) leave()
      try {
        const answer = await answerSafely(room, request, leaving.signal)
        await send(reply, withCommon(answer, request.visitor, access))
      } catch (error) {
        log.error({ err: error }, 'an answer could not be sent')
        socket.destroy()
      } finally {
        socket.off('close', leave)
      }
    })
    turns.set(socket, answered)
    underWay.set(answered, leaving)
    await answered
    underWay.delete(answered)
  })
  const requests: RequestsUnderWay = {
    abort: () => {
      for (const leaving of underWay.values()) leaving.abort(new Error('the gateway stops'))
    },
    ended: async () => {
      await Promise.allSettled(underWay.keys())
    },
  }
  return {
    start: async () => {
      const listening = await listen(app, options)
      processMeter.start()
      return listening
    },
    stop: () => {
      processMeter.stop()
      return stopServer(app, requests)
    },
  }
}

const shortNames = (aliases: Readonly<Record<string, RepoRef>>): ShortNames =>
  new Map(Object.entries(aliases).map(([id, repo]) => [repoKey({ type: repo.type, id }), repo]))

/** Every failure becomes an answer here. */
const answerSafely = async (room: Room, request: FastifyRequest, signal: AbortSignal): Promise<Answer> => {
  const route = request.meshRoute
  const gatewayRequest = asGatewayRequest(request, signal)
  try {
    const answer = await answerRoute(room, route, gatewayRequest)
    return request.method === 'POST' ? answer : withTag(answer, request.headers['if-none-match'])
  } catch (error) {
    if (!signal.aborted && isOurFault(error)) room.log.error({ err: error, kind: route.kind }, 'a request failed')
    return failureAnswer(error, {
      bytes: isBytesRoute(route),
      token: request.headers.authorization !== undefined,
    })
  }
}

const asGatewayRequest = (request: FastifyRequest, signal: AbortSignal): GatewayRequest => ({
  method: request.method,
  target: request.originalUrl,
  query: new URLSearchParams(querySuffix(request.originalUrl)),
  headers: request.headers,
  body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
  // Behind a proxy that ends TLS, links must name what the client spoke to. Whoever lies here lies to itself.
  base: `${request.headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'}://${request.headers.host ?? ''}`,
  startedAt: performance.now(),
  signal,
})

const visitorOf = ({ method, headers, raw, originalUrl }: FastifyRequest): Visitor => ({
  method,
  headers,
  localAddress: raw.socket.localAddress,
  own: isOwnTarget(originalUrl),
})

/** Headers that every answer has: CORS where it is allowed, and the client's own name for its request. */
const withCommon = (answer: Answer, visitor: Visitor, access: Access): Answer => {
  const cors = access.corsHeaders(visitor)
  const { Vary: own } = answer.headers
  const vary = own === undefined || cors['Vary'] === undefined ? {} : { Vary: `${own}, ${cors['Vary']}` }
  return { ...answer, headers: { ...answer.headers, ...cors, ...vary, ...requestId(visitor) } }
}

const requestId = ({ headers }: Visitor): HeaderFields => {
  const id = headers['x-amzn-trace-id'] ?? headers['x-request-id']
  return typeof id === 'string' ? { 'X-Request-Id': headerText(id) } : {}
}

// Fastify routes, bounds and parses; the answer is written by us, with the buffers' life in our hands.
const send = async (reply: FastifyReply, answer: Answer): Promise<void> => {
  reply.hijack()
  await respond(reply.raw, answer)
}

declare module 'fastify' {
  interface FastifyRequest {
    meshRoute: Route
    visitor: Visitor
  }
}
