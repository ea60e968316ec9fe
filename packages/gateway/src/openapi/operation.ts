import { type Schema, TEXT, ref } from './schema.ts'

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required: boolean
  readonly description: string
  readonly schema: Schema
}

interface Body {
  readonly description: string
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>
}

export type Responses = Readonly<Record<string, Body>>

/** What stands in a path in braces. */
const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  type: 'models, datasets or spaces',
  owner: 'Namespace of the repo. A repo without one has one segment here; a short name of the configuration does too.',
  name: 'Name of the repo.',
  revision: 'Branch, tag, commit sha (whole or short), refs/pr/N with %2F for its slashes, or HEAD.',
  path: 'Path of a file in the repo: segments percent-encoded, slashes as they are.',
  cid: 'CIDv1 with a sha256, codec raw or dag-cbor.',
}

export const REVISION_QUERY: Parameter = {
  name: 'revision',
  in: 'query',
  required: false,
  description: 'Branch, tag or commit. The default branch where it is absent.',
  schema: TEXT,
}

export const json = (description: string, schema: Schema): Body => ({
  description,
  content: { 'application/json': { schema } },
})

export const bytes = (description: string, type = 'application/octet-stream'): Body => ({
  description,
  content: { [type]: { schema: { type: 'string', format: 'binary' } } },
})

export const failure = (description: string): Body => json(description, ref('Error'))

/** How any repo, revision or path can fail. */
export const REPO_FAILURES: Responses = {
  401: failure('RepoNotFound for a client without a token; X-Error-Code says so.'),
  404: failure('RepoNotFound, RevisionNotFound or EntryNotFound, in X-Error-Code.'),
  429: failure('File bytes are not here yet: ask again after Retry-After.'),
  503: failure('Not known yet, or busy: ask again after Retry-After.'),
}

interface Operation {
  readonly summary: string
  readonly query?: readonly Parameter[]
  readonly responses: Responses
}

/** GET and HEAD of a path, which answer alike. `{…}` in it become parameters. */
export const read = (id: string, path: string, operation: Operation): Readonly<Record<string, object>> => {
  const { summary, query = [], responses } = operation
  const parameters = [...pathParameters(path), ...query]
  const of = (operationId: string) => ({ operationId, summary, parameters, responses })
  return { [path]: { get: of(id), head: of(`${id}Head`) } }
}

export const pathParameters = (path: string): Parameter[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: PATH_PARAMETERS[name] ?? name,
    schema: TEXT,
  }))
