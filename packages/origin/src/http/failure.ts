import { MeshError } from '@hubmesh/content'

/** What a Hub said when it refused. */
export interface HubRefusal {
  readonly status: number
  readonly header: (name: string) => string | undefined
  /** The start of its body. */
  readonly text: string
}

export interface AskedFor {
  /** For the message: a repo, a file. */
  readonly what: string
  readonly hasToken: boolean
  /** Whether it is one file of a repo that is known to be there. */
  readonly isFile: boolean
}

const GATED_HINT = "accept the repo's conditions on the Hub, then start the seed with a token that may read it"
const MISSING_HINT = 'it does not exist, or it is private or gated and needs a token: --upstream-token-file'
const TOKEN_HINT = 'check the token in the upstream token file (or HF_TOKEN): it may have expired or been revoked'
/** The exact words by which Hub clients tell a bad token from a missing repo. */
const BAD_TOKEN = 'Invalid credentials in Authorization header'

/**
 * Turns a Hub's refusal into our words, as its clients read it: the error code first, then the status. Nothing of its text is
 * quoted: it may repeat what was sent.
 */
export const hubFailure = (refusal: HubRefusal, { what, hasToken, isFile }: AskedFor): MeshError => {
  const { status } = refusal
  const answered = `upstream answered ${status} for ${what}`
  switch (refusal.header('x-error-code')) {
    case 'GatedRepo':
      return new MeshError('gated', `${what} is gated upstream`, { hint: GATED_HINT })
    case 'RepoNotFound':
      return missingRepo(what)
    case 'RevisionNotFound':
      return new MeshError('revision-not-found', `upstream has no such revision: ${what}`)
    case 'EntryNotFound':
      return missingFile(what)
  }
  if (status === 429) return new MeshError('busy', `${answered}: too many requests`, retryAfter(refusal))
  if (status === 408 || status >= 500) return new MeshError('unreachable', answered, retryAfter(refusal))
  if (status === 401 && !saysBadToken(refusal) && !hasToken) return missingRepo(what)
  if (status === 401) return new MeshError('denied', 'upstream refuses the token', { hint: TOKEN_HINT })
  if (status === 403)
    return new MeshError('denied', `upstream denies access to ${what}`, { hint: deniedHint(hasToken) })
  if (status === 404) return isFile ? missingFile(what) : missingRepo(what)
  return new MeshError('unreachable', answered, { hint: 'is the upstream a Hub? check --upstream' })
}

/** Seconds by `Retry-After`, else by the `t=` of the Hub's `RateLimit: "api";r=0;t=55`. */
const retryAfter = ({ header }: Pick<HubRefusal, 'header'>): { retryAfter?: number } => {
  const given = header('retry-after')
  const seconds = /^\s*(\d{1,6})\s*$/.exec(given ?? '')?.[1] ?? /;\s*t=(\d{1,6})/.exec(header('ratelimit') ?? '')?.[1]
  return seconds === undefined ? {} : { retryAfter: Number(seconds) }
}

const missingRepo = (what: string): MeshError =>
  new MeshError('repo-not-found', `upstream has no ${what}`, { hint: MISSING_HINT })

const missingFile = (what: string): MeshError => new MeshError('entry-not-found', `upstream has no such file: ${what}`)

const saysBadToken = ({ header, text }: HubRefusal): boolean =>
  header('x-error-message') === BAD_TOKEN || text.includes(BAD_TOKEN)

const deniedHint = (hasToken: boolean): string =>
  hasToken ? 'it may be disabled there, or the token may not read it' : 'it may be disabled there, or need a token'
