import { type Log, MeshError } from '@hubmesh/content'
import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { type AskedFor, hubFailure } from './failure.ts'
import { MAX_PATIENCE_MS, sleep } from './retry.ts'

/** The Hub counts its API and its files apart: so a full bucket of one does not hold up the other. */
export type Lane = 'api' | 'files'

interface SendOptions {
  readonly lane: Lane
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** An answer whose body is still to be read: read or discard it. */
export interface Reply {
  readonly url: URL
  readonly status: number
  readonly body: AsyncIterable<Uint8Array>
  header(name: string): string | undefined
  discard(): Promise<void>
}

/** Requests to upstream and to where it redirects. Proxies come from the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY). */
export interface Transport {
  /** Ends without a slash. */
  readonly base: string
  /** Whether a URL is at upstream's own origin. */
  isOwn(url: URL): boolean
  /**
   * One GET; redirects are the caller's business. The token goes along to upstream's own origin alone.
   * @throws MeshError `unreachable`, `busy` while upstream wants no more requests for long, or the signal's reason
   */
  send(url: URL, options: SendOptions): Promise<Reply>
  /** Reads the start of a refusal, and says what it means. After a 429 its lane rests for as long as upstream asked. */
  failure(reply: Reply, options: { what: string; lane: Lane }): Promise<MeshError>
  close(): Promise<void>
}

export interface TransportOptions {
  readonly upstream: string
  token(): Promise<string | undefined>
  /** To one host, for bodies. */
  readonly connections: number
  /** Longest wait for the first or for the next byte. */
  readonly silenceMs: number
}

const API_CONNECTIONS = 4
const CONNECT_TIMEOUT_MS = 10_000
/** What is read of a refusal's body. */
const MAX_REFUSAL_BYTES = 64 * 1024
const USER_AGENT = 'hubmesh'

/** @throws MeshError `config` for an upstream that is no plain http or https URL */
export const createTransport = ({ log }: { log: Log }, options: TransportOptions): Transport => {
  const upstream = parseUpstream(options.upstream)
  const agents = {
    api: createAgent(API_CONNECTIONS, options.silenceMs),
    files: createAgent(options.connections, options.silenceMs),
  }
  const restsUntil = { api: 0, files: 0 }
  const isOwn = (url: URL): boolean => url.origin === upstream.origin

  const rest = async (lane: Lane, signal: AbortSignal): Promise<void> => {
    const wait = restsUntil[lane] - performance.now()
    if (wait > MAX_PATIENCE_MS) {
      const retryAfter = Math.ceil(wait / 1000)
      throw new MeshError('busy', `upstream wants no requests for ${retryAfter} s`, { retryAfter })
    }
    if (wait > 0) await sleep(wait, signal)
  }

  const send = async (url: URL, { lane, headers = {}, signal }: SendOptions): Promise<Reply> => {
    if (isOwn(url)) await rest(lane, signal)
    const token = isOwn(url) ? await options.token() : undefined
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    try {
      const answer = await request(url, {
        dispatcher: agents[lane],
        headers: { 'user-agent': USER_AGENT, 'accept-encoding': 'identity', ...headers, ...authorization },
        signal,
      })
      return toReply(url, answer, signal)
    } catch (error) {
      throw asUnreachable(error, url, signal)
    }
  }

  const failure = async (reply: Reply, { what, lane }: { what: string; lane: Lane }): Promise<MeshError> => {
    const asked: AskedFor = { what, hasToken: (await options.token()) !== undefined, isFile: lane === 'files' }
    const { status } = reply
    const found = hubFailure({ status, header: (name) => reply.header(name), text: await readStart(reply) }, asked)
    if (status === 429 && isOwn(reply.url)) {
      const ms = (found.retryAfter ?? 0) * 1000
      restsUntil[lane] = Math.max(restsUntil[lane], performance.now() + ms)
      log.warn({ lane, seconds: found.retryAfter }, 'upstream wants fewer requests')
    }
    return found
  }

  return {
    base: upstream.href.replace(/\/+$/, ''),
    isOwn,
    send,
    failure,
    close: async () => {
      await Promise.all([agents.api.destroy(), agents.files.destroy()])
    },
  }
}

/** Where a redirect leads; undefined for an answer that is none. The body is discarded. @throws MeshError `unreachable` */
export const redirectTarget = async (reply: Reply): Promise<URL | undefined> => {
  if (![301, 302, 303, 307, 308].includes(reply.status)) return undefined
  const target = URL.parse(reply.header('location') ?? '', reply.url.href)
  await reply.discard()
  if (target === null || !/^https?:$/.test(target.protocol))
    throw new MeshError('unreachable', `${reply.url.host} redirects to nowhere`)
  return target
}

/** HTTP/1.1: parallel ranges want connections of their own, not streams that share one. */
const createAgent = (connections: number, silenceMs: number): Dispatcher =>
  new EnvHttpProxyAgent({
    connections,
    allowH2: false,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
  })

const parseUpstream = (text: string): URL => {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new MeshError('config', 'the upstream is not an http or https URL', { hint: 'check --upstream' })
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new MeshError('config', 'the upstream is more than a plain URL', {
      hint: 'a token goes into --upstream-token-file, never into the URL',
    })
  return url
}

const toReply = (url: URL, answer: Dispatcher.ResponseData, signal: AbortSignal): Reply => ({
  url,
  status: answer.statusCode,
  header: (name) => {
    const value = answer.headers[name]
    return Array.isArray(value) ? value[0] : value
  },
  body: readBody(url, answer.body, signal),
  discard: async () => {
    // A body that breaks off while it is thrown away is no loss.
    await answer.body.dump({ limit: MAX_REFUSAL_BYTES }).catch(() => {})
  },
})

async function* readBody(url: URL, body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (error) {
    throw asUnreachable(error, url, signal)
  }
}

const readStart = async (reply: Reply): Promise<string> => {
  const parts: Uint8Array[] = []
  let size = 0
  try {
    for await (const part of reply.body) {
      parts.push(part)
      size += part.length
      if (size > MAX_REFUSAL_BYTES) break
    }
  } catch {
    // It broke off: the status and the headers say enough.
  }
  return Buffer.concat(parts).toString('utf8', 0, MAX_REFUSAL_BYTES)
}

/** Never with more of the URL than its host: signed URLs are secrets too. */
const asUnreachable = (error: unknown, url: URL, signal: AbortSignal): MeshError => {
  signal.throwIfAborted()
  const reason = error instanceof Error && 'code' in error ? String(error.code) : 'the connection broke'
  return new MeshError('unreachable', `${url.host} cannot be reached or broke off: ${reason}`, {
    hint: 'check the network, the proxy settings (HTTPS_PROXY, NO_PROXY) and --upstream',
    cause: error,
  })
}
