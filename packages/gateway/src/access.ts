import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import { type Answer, type HeaderFields } from './answer.ts'
import { errorAnswer } from './errors.ts'

export interface AccessRules {
  /** Name or address that the gateway is bound to. */
  readonly host: string
  /** Further names that it answers to. */
  readonly hosts: readonly string[]
  /** Origins whose pages may read from it. */
  readonly origins: readonly string[]
}

/** What of a request decides about access. `Authorization` is not among it: this gateway has no accounts. */
export interface Visitor {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  /** Address of this machine that the connection came in at. */
  readonly localAddress: string | undefined
  /** Our own pages under `/-/` never answer other origins, not even allowed ones. */
  readonly own: boolean
}

export interface Access {
  /** The answer to a request that may not pass, or one that is complete with CORS alone (a preflight). */
  judge(visitor: Visitor): Answer | undefined
  /** Headers that let an allowed origin read the answer. */
  corsHeaders(visitor: Visitor): HeaderFields
}

/** As the Hub exposes them, and our provenance. */
const EXPOSED =
  'X-Repo-Commit, X-Request-Id, X-Error-Code, X-Error-Message, X-Total-Count, ETag, Link, Accept-Ranges, Content-Range, X-Linked-Size, X-Linked-ETag, X-Mesh-Source, X-Mesh-Publisher, X-Mesh-Age'

/**
 * Keeps web pages out: any page in a user's browser can send requests to a loopback or office address. A page that was
 * rebound to our address by DNS is known by its Host, others by Origin or Sec-Fetch-Site.
 */
export const createAccess = (rules: AccessRules): Access => {
  const names = new Set([rules.host, ...rules.hosts].map((name) => bareName(name)))
  const origins = new Set(rules.origins)

  const knowsHost = ({ headers, localAddress }: Visitor): boolean => {
    const name = hostName(headers.host)
    if (name === undefined) return false
    return names.has(name) || isLoopback(name) || (isIP(name) !== 0 && name === plainAddress(localAddress))
  }
  const allows = (visitor: Visitor): boolean => {
    const { origin } = visitor.headers
    if (origin === undefined) return !isForeignFetch(visitor.headers)
    return origin === `http://${visitor.headers.host}` || (!visitor.own && origins.has(origin))
  }
  const corsHeaders = (visitor: Visitor): HeaderFields => {
    const { origin } = visitor.headers
    if (origins.size === 0) return {}
    if (origin === undefined || visitor.own || !origins.has(origin)) return { Vary: 'Origin' }
    return { Vary: 'Origin', 'Access-Control-Allow-Origin': origin, 'Access-Control-Expose-Headers': EXPOSED }
  }
  return {
    judge: (visitor) => {
      if (!knowsHost(visitor))
        return errorAnswer(421, 'this gateway does not answer to that host name: add it to gateway.hosts')
      if (!allows(visitor))
        return errorAnswer(403, 'pages of other origins may not read here: see gateway.origins', {
          headers: corsHeaders(visitor),
        })
      return visitor.method === 'OPTIONS' ? optionsAnswer(visitor, corsHeaders(visitor)) : undefined
    },
    corsHeaders,
  }
}

const optionsAnswer = ({ headers }: Visitor, cors: HeaderFields): Answer => ({
  status: 204,
  headers:
    headers['access-control-request-method'] === undefined || !('Access-Control-Allow-Origin' in cors)
      ? { ...cors, Allow: 'GET, HEAD, POST, OPTIONS' }
      : {
          ...cors,
          'Access-Control-Allow-Methods': 'GET, HEAD, POST',
          'Access-Control-Allow-Headers': 'authorization, range, content-type',
          'Access-Control-Max-Age': '600',
        },
})

/** A fetch without Origin from a page elsewhere: an image, a script. A link that a person follows (`navigate`) is fine. */
const isForeignFetch = (headers: IncomingHttpHeaders): boolean => {
  const site = headers['sec-fetch-site']
  return (site === 'cross-site' || site === 'same-site') && headers['sec-fetch-mode'] !== 'navigate'
}

const hostName = (host: string | undefined): string | undefined => {
  const [, name] = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::\d{1,5})?$/i.exec(host ?? '') ?? []
  return name === undefined ? undefined : bareName(name)
}

const bareName = (name: string): string =>
  name
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')

const isLoopback = (name: string): boolean =>
  name === 'localhost' || name.endsWith('.localhost') || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'))

const plainAddress = (address: string | undefined): string | undefined => address?.toLowerCase().replace(/^::ffff:/, '')
