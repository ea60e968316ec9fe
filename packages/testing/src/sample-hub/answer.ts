import type { Content } from './content.ts'

/** What a route answers; `sendAnswer` turns it into HTTP. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string | FileBody
}

/** A run of a file: `path` is what faults match. */
export interface FileBody {
  readonly content: Content
  readonly path: string
  readonly start: number
  readonly end: number
}

export const json = (value: unknown, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status: 200,
  headers: { 'Content-Type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(value),
})

/** An answer that a route breaks off with. */
export class HubError extends Error {
  readonly answer: Answer

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.answer = { ...json({ error: message }, { 'X-Error-Message': message, ...headers }), status }
  }
}

const coded = (status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) =>
  new HubError(status, message, { 'X-Error-Code': code, ...headers })

/** Without a token nobody learns whether a repo is private or not there. */
export const repoNotFound = (loggedIn: boolean): HubError =>
  loggedIn
    ? coded(404, 'RepoNotFound', 'Repository not found')
    : coded(401, 'RepoNotFound', 'Invalid username or password.')

export const revisionNotFound = (name: string): HubError =>
  coded(404, 'RevisionNotFound', `Invalid rev id: ${encodeURIComponent(name)}`)

export const entryNotFound = (revision: string): HubError =>
  coded(404, 'EntryNotFound', 'Entry not found', { 'X-Repo-Commit': revision })

export const gated = (id: string, loggedIn: boolean): HubError =>
  loggedIn
    ? coded(403, 'GatedRepo', `Access to model ${id} is restricted and you are not in the authorized list.`)
    : coded(401, 'GatedRepo', `Access to model ${id} is restricted. You must be authenticated to access it.`)

export const badToken = (): HubError => new HubError(401, 'Invalid credentials in Authorization header')
export const disabled = (): HubError => new HubError(403, 'Access to this resource is disabled.')
export const notFound = (): HubError => new HubError(404, 'Not found')
