import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { REPO_TYPES, type RepoRef, type RepoType, isRepoId, repoPlural } from '@hubmesh/content'
import { HubError, revisionNotFound } from './answer.ts'
import type { HubRoute } from './faults.ts'
import { type HubRepo, type HubRevision, findRevision } from './repo.ts'

export interface HubRequest {
  readonly route: HubRoute
  readonly method: string
  readonly url: URL
  /** The path as it was sent, split at `/`, still encoded. */
  readonly segments: readonly string[]
  readonly headers: IncomingHttpHeaders
  /** @throws HubError 413 over 1 MiB */
  body(): Promise<string>
}

const MAX_BODY_BYTES = 1024 * 1024
/** `refs/pr/1`: JS sends it unencoded. */
const MAX_REVISION_SEGMENTS = 3

export const readRequest = (message: IncomingMessage, base: string, isCdn: boolean): HubRequest => {
  const target = message.url ?? '/'
  const raw = target.split('?', 1)[0] ?? ''
  const segments = raw.split('/').slice(1)
  return {
    route: isCdn ? 'cdn' : routeOf(segments),
    method: message.method ?? 'GET',
    url: URL.parse(target, base) ?? new URL(base),
    segments,
    headers: message.headers,
    body: () => readBody(message),
  }
}

/** Once, and where it is malformed not at all: `100%.txt`, as JS sends it. */
export const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // the only way that decodeURIComponent fails
  }
}

/** The repo that segments begin with: its id is one or two of them, before a verb or the end. */
export const splitRepo = (
  type: RepoType,
  segments: readonly string[],
  isVerb: (segment: string | undefined) => boolean,
): { repo: RepoRef; rest: readonly string[] } | undefined => {
  const length = [1, 2].find((count) => count <= segments.length && isVerb(segments[count]))
  const id = segments.slice(0, length).map(decode).join('/')
  return length === undefined || !isRepoId(id) ? undefined : { repo: { type, id }, rest: segments.slice(length) }
}

/** The revision that segments begin with: one, or up to three unencoded ones. @throws HubError when there is none */
export const splitRevision = (
  repo: HubRepo,
  segments: readonly string[],
): { revision: HubRevision; rest: readonly string[] } => {
  for (let count = 1; count <= Math.min(segments.length, MAX_REVISION_SEGMENTS); count += 1) {
    const revision = findRevision(repo, segments.slice(0, count).map(decode).join('/'))
    if (revision !== undefined) return { revision, rest: segments.slice(count) }
  }
  throw revisionNotFound(decode(segments[0] ?? ''))
}

/** Every form in which clients send a flag. */
export const isSet = (value: string | null): boolean => value === '1' || value?.toLowerCase() === 'true'

export const typeOfPlural = (plural: string | undefined): RepoType | undefined =>
  REPO_TYPES.find((type) => repoPlural(type) === plural)

const routeOf = (segments: readonly string[]): HubRoute => {
  if (segments[0] === 'api') return segments[1] === 'resolve-cache' ? 'cache' : 'api'
  return segments.includes('raw') && !segments.includes('resolve') ? 'raw' : 'resolve'
}

const readBody = async (message: IncomingMessage): Promise<string> => {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of message as AsyncIterable<Buffer>) {
    size += part.length
    if (size > MAX_BODY_BYTES) throw new HubError(413, 'Payload too large')
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}
