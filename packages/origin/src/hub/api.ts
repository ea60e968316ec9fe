import { MeshError } from '@hubmesh/content'
import { type BackOff, withRetries } from '../http/retry.ts'
import { type Reply, type Transport, redirectTarget } from '../http/transport.ts'

export interface ApiAnswer {
  /** After redirects. */
  readonly url: URL
  readonly bytes: Uint8Array
  /** Absolute, at upstream's own origin, whatever the answer's `Link` says. */
  readonly next: URL | undefined
}

/** The Hub's JSON API: whole answers, bounded in size and time, tried again when upstream is busy or away. */
export interface Api {
  /**
   * @param path from the endpoint on, or a whole URL at upstream's own origin
   * @param what for messages
   * @throws MeshError `repo-not-found`, `revision-not-found`, `gated`, `denied`, `busy`, `unreachable`, `bad-bytes`
   */
  get(path: string, options: { what: string; signal: AbortSignal }): Promise<ApiAnswer>
}

/** A listing of half a million files on one page has about 100 bytes each. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024
const ANSWER_TIMEOUT_MS = 120_000
const MAX_REDIRECTS = 5
const TRIES = 4

export const createApi = (transport: Transport, { backOff }: { backOff: BackOff }): Api => {
  const attempt = async (from: URL, what: string, signal: AbortSignal): Promise<ApiAnswer> => {
    const reply = await followOwn(transport, from, signal)
    if (reply.status !== 200) throw await transport.failure(reply, { what, lane: 'api' })
    return { url: reply.url, bytes: await readBounded(reply), next: nextPage(reply) }
  }

  return {
    get: (path, { what, signal }) => {
      const url = new URL(path.startsWith('/') ? `${transport.base}${path}` : path)
      const once = async (): Promise<ApiAnswer> => {
        const deadline = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
        try {
          return await attempt(url, what, AbortSignal.any([signal, deadline]))
        } catch (error) {
          if (!deadline.aborted || signal.aborted) throw error
          throw new MeshError('unreachable', `upstream took over ${ANSWER_TIMEOUT_MS / 1000} s to answer for ${what}`)
        }
      }
      return withRetries(once, { tries: TRIES, backOff, signal })
    },
  }
}

/** Renamed repos answer with a redirect to the new name. No API answer comes from another host. */
const followOwn = async (transport: Transport, from: URL, signal: AbortSignal): Promise<Reply> => {
  let url = from
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    if (!transport.isOwn(url)) throw new MeshError('denied', `upstream redirects its API to another host, ${url.host}`)
    const reply = await transport.send(url, { lane: 'api', headers: { accept: 'application/json' }, signal })
    const target = await redirectTarget(reply)
    if (target === undefined) return reply
    url = target
  }
  throw new MeshError('unreachable', 'upstream redirects without end')
}

const readBounded = async (reply: Reply): Promise<Uint8Array> => {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of reply.body) {
    size += part.length
    if (size > MAX_ANSWER_BYTES) throw new MeshError('bad-bytes', 'an answer of upstream is over 128 MiB')
    parts.push(part)
  }
  return Buffer.concat(parts, size)
}

/**
 * A mirror may pass the Hub's own `Link` on as it is: the listing goes on at the upstream that was asked, and so never leaves
 * it.
 */
const nextPage = (reply: Reply): URL | undefined => {
  const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(reply.header('link') ?? '')?.[1]
  const target = link === undefined ? null : URL.parse(link, reply.url.href)
  return target === null ? undefined : new URL(target.pathname + target.search, reply.url)
}
