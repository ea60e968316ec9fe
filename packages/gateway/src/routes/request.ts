import type { IncomingHttpHeaders } from 'node:http'
import type { Library, Log, NodeStatus, ReadyStatus, RepoRef } from '@hubmesh/content'
import type { Answer } from '../answer.ts'
import type { BufferPool } from '../body/buffer-pool.ts'
import type { Route } from '../http/route.ts'
import type { Metric } from '../metrics/exposition.ts'
import { BYTES_PATIENCE_MS, type Deadline, createDeadline } from '../patience.ts'

/** What the routes work with. */
export interface Room {
  readonly library: Library
  readonly status: () => Promise<NodeStatus>
  readonly ready: () => ReadyStatus
  readonly log: Log
  readonly pool: BufferPool
  /** What the gateway counts itself. */
  readonly metrics: () => Metric[]
}

/** One HTTP request, parsed as far as all routes need it. */
export interface GatewayRequest {
  /** GET or HEAD, or POST where the route takes one. */
  readonly method: string
  /** The request target as sent. */
  readonly target: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Scheme, host and port as the client knows this gateway: what absolute links start with. */
  readonly base: string
  /** By `performance.now()`. */
  readonly startedAt: number
  /** Ends when the client leaves or the gateway stops. */
  readonly signal: AbortSignal
}

/** For a node that is busy to say how it is. */
export const STATUS_PATIENCE_MS = 5_000

export type Handler<Kind extends Route['kind']> = (
  room: Room,
  route: Extract<Route, { kind: Kind }>,
  request: GatewayRequest,
) => Promise<Answer> | Answer

/** How much longer a client that asked for file bytes can be let wait. */
export const bytesPatience = (request: GatewayRequest): number =>
  Math.max(0, request.startedAt + BYTES_PATIENCE_MS - performance.now())

/** For all that a request for file bytes waits for before its first byte. */
export const bytesDeadline = (request: GatewayRequest): Deadline =>
  createDeadline({ signal: request.signal, ms: bytesPatience(request) })

/** `models/owner/name` with the type's plural, as it stands in API paths. */
export const apiPath = (repo: RepoRef): string => `/api/${repo.type}s/${repo.id}`

/** Where a repo stands outside the API: models have no prefix there. */
export const webPath = (repo: RepoRef): string => `${repo.type === 'model' ? '' : `/${repo.type}s`}/${repo.id}`

/** Hub clients write booleans as `true`, `True` or `1`. */
export const isYes = (value: string | null): boolean => value !== null && /^(?:true|1)$/i.test(value)

/** All values of a list parameter: repeated, as `name[]` too, or with commas. */
export const listParam = (query: URLSearchParams, name: string): string[] =>
  [...query.getAll(name), ...query.getAll(`${name}[]`)].flatMap((value) => value.split(',')).filter((value) => value)

/** The body as JSON; undefined for what is none, which a schema then refuses. */
export const jsonBody = ({ body }: GatewayRequest): unknown => {
  try {
    return JSON.parse(body.toString()) as unknown
  } catch {
    return undefined // the schema says what was wanted
  }
}
