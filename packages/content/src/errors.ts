/**
 * What went wrong, in one word that callers act on. Only the gateway turns a code into an HTTP status, and only the
 * command line turns one into an exit code.
 */
export type ErrorCode =
  | 'usage' // a wrong flag or argument
  | 'config' // a configuration, identity or ticket that cannot be used
  | 'bad-input' // a name, path, range or message that breaks its rules
  | 'repo-not-found'
  | 'revision-not-found'
  | 'entry-not-found'
  | 'gated' // upstream asks for a login or a permission
  | 'denied' // upstream or a peer refused our credentials
  | 'not-ready' // known, but nothing proven is in sight yet: `retryAfter` says when to ask again
  | 'bad-bytes' // bytes that do not hash to what they were announced as
  | 'refused' // signed metadata that the trust policy turns away
  | 'unreachable' // the other side cannot be reached or broke off
  | 'busy' // a bound was reached, a port or a home is taken
  | 'io' // this machine's disk or socket failed
  | 'no-space'

export interface ErrorDetails {
  /** One sentence for the person who reads it: what to do next. */
  hint?: string
  /** Seconds until the same request may succeed. */
  retryAfter?: number
  cause?: unknown
}

/** The one error class of the project: a stable code, a message without secrets, and where it helps a hint. */
export class MeshError extends Error {
  override readonly name = 'MeshError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly retryAfter: number | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    this.hint = details.hint
    this.retryAfter = details.retryAfter
  }
}

/** True for a MeshError, of the given code if one is named. */
export const isMeshError = (error: unknown, code?: ErrorCode): error is MeshError =>
  error instanceof MeshError && (code === undefined || error.code === code)

/** True for what an aborted signal throws: its own reason, or the platform's AbortError. */
export const isAbort = (error: unknown, signal?: AbortSignal): boolean =>
  (signal?.aborted === true && error === signal.reason) || (error instanceof Error && error.name === 'AbortError')
