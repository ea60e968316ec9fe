import { type ErrorCode, type MeshError, isMeshError } from '@hubmesh/content'
import { type Answer, type HeaderFields, json } from './answer.ts'
import { headerText } from './http/headers.ts'

/** What the Hub calls it in `X-Error-Code`; clients tell their exceptions apart by it. */
export type HubErrorCode = 'EntryNotFound' | 'RevisionNotFound' | 'RepoNotFound' | 'GatedRepo'

interface Failure {
  readonly status: number
  readonly hubCode?: HubErrorCode
  /** Status for a client that sent no token: what is missing and what is hidden must look the same. */
  readonly anonymous?: number
  /** Not known yet, or not now: seconds until asking again may help, where the error does not say. */
  readonly retryAfter?: number
}

/**
 * The one table from a failure to HTTP. Whatever may pass is 503 with Retry-After (429 where file bytes were asked for:
 * Hub clients retry only that), never 401, 403 or 404, which they remember.
 */
const FAILURES: Readonly<Record<ErrorCode, Failure>> = {
  'repo-not-found': { status: 404, hubCode: 'RepoNotFound', anonymous: 401 },
  'revision-not-found': { status: 404, hubCode: 'RevisionNotFound' },
  'entry-not-found': { status: 404, hubCode: 'EntryNotFound' },
  gated: { status: 403, hubCode: 'GatedRepo', anonymous: 401 },
  'bad-input': { status: 400 },
  'not-ready': { status: 503, retryAfter: 5 },
  unreachable: { status: 503, retryAfter: 10 },
  busy: { status: 503, retryAfter: 5 },
  'bad-bytes': { status: 503, retryAfter: 10 },
  denied: { status: 503, retryAfter: 60 },
  refused: { status: 503, retryAfter: 60 },
  'no-space': { status: 503, retryAfter: 60 },
  io: { status: 500 },
  config: { status: 500 },
  usage: { status: 500 },
}

/** Longest that a client is told to wait: more looks like a fault to people. */
const MAX_RETRY_AFTER = 120

export interface FailedRequest {
  /** The route answers file bytes: `resolve`, `raw` and plain paths. */
  readonly bytes: boolean
  readonly token: boolean
}

/** The answer to any error. Only a MeshError's own words leave the house. */
export const failureAnswer = (error: unknown, request: FailedRequest, headers: HeaderFields = {}): Answer => {
  if (!isMeshError(error)) return errorAnswer(500, 'internal error: the log of this node says more', { headers })
  const { hubCode, anonymous, ...failure } = FAILURES[error.code]
  if (failure.retryAfter !== undefined) {
    return errorAnswer(request.bytes ? 429 : failure.status, error.message, {
      headers: { ...headers, 'Retry-After': String(secondsOf(error, failure.retryAfter)) },
    })
  }
  const status = anonymous === undefined || request.token ? failure.status : anonymous
  return errorAnswer(status, error.message, { headers, ...(hubCode === undefined ? {} : { hubCode }) })
}

/** An error as Hub clients read it: `X-Error-Code`, `X-Error-Message` and a JSON body. */
export const errorAnswer = (
  status: number,
  message: string,
  { hubCode, headers = {} }: { hubCode?: HubErrorCode; headers?: HeaderFields } = {},
): Answer =>
  json(
    { error: message },
    {
      ...headers,
      ...(hubCode === undefined ? {} : { 'X-Error-Code': hubCode }),
      'X-Error-Message': headerText(message),
    },
    status,
  )

/** True for what is worth a line in the log: the fault is here, not with the asker. */
export const isOurFault = (error: unknown): boolean => !isMeshError(error) || FAILURES[error.code].status === 500

const secondsOf = (error: MeshError, preset: number): number =>
  Math.min(MAX_RETRY_AFTER, Math.max(1, Math.ceil(error.retryAfter ?? preset)))
