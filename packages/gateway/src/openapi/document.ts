import { REPO_FAILURES, REVISION_QUERY, bytes, failure, json, pathParameters, read } from './operation.ts'
import { type Schema, TEXT, WHOLE, list, object, ref } from './schema.ts'
import { SCHEMAS } from './schemas.ts'

/** Pages of our own, which only read. */
const OWN_PATHS = {
  ...read('health', '/-/healthz', {
    summary: 'This process answers.',
    responses: { 200: json('It does.', ref('Health')) },
  }),
  ...read('ready', '/-/readyz', {
    summary: 'Whether this node can serve, and why not.',
    responses: { 200: json('Ready.', ref('Ready')), 503: json('Not ready.', ref('Ready')) },
  }),
  ...read('status', '/-/api/status', {
    summary: 'What this node holds, does and sees.',
    responses: { 200: json('Its status.', ref('Status')) },
  }),
  ...read('metrics', '/-/metrics', {
    summary: 'The same in figures, and what the gateway counts, for Prometheus.',
    responses: {
      200: { description: 'Text format 0.0.4.', content: { 'text/plain': { schema: TEXT } } },
      503: failure('Too busy to say.'),
    },
  }),
  ...read('openapi', '/-/api/openapi.json', {
    summary: 'This document.',
    responses: { 200: json('It.', { type: 'object' }) },
  }),
}

const updateCheck = (id: string, path: string) =>
  read(id, path, {
    summary: 'Whether the catalogs have a newer commit than this site serves, and what it changes.',
    query: [REVISION_QUERY],
    responses: { 200: json('What there is.', ref('UpdateCheck')), ...REPO_FAILURES },
  })

const SENT = {
  200: bytes('The file. X-Repo-Commit names its commit, X-Mesh-Source where its bytes come from.'),
  206: bytes('The part that Range asks for.'),
  304: { description: 'The client has it: If-None-Match.' },
  416: { description: 'The range is past the end.' },
  ...REPO_FAILURES,
}

/** What each type of repo has, in the type's own folder; models without one where the Hub has none. */
const repoPaths = (type: string, plain: string, hub: string) => ({
  ...read(`${type}File`, `${plain}/{owner}/{name}/{path}`, {
    summary: 'A file by its plain path.',
    query: [REVISION_QUERY],
    responses: SENT,
  }),
  ...updateCheck(`${type}UpdateCheck`, `${plain}/{owner}/{name}/check-update`),
  ...read(`${type}Sums`, `${hub}/{owner}/{name}/SHA256SUMS`, {
    summary: 'The sha256 of every file, as `sha256sum -c` reads it.',
    query: [REVISION_QUERY],
    responses: {
      200: { description: 'A line for each file.', content: { 'text/plain': { schema: TEXT } } },
      ...REPO_FAILURES,
    },
  }),
  ...read(`${type}Resolve`, `${hub}/{owner}/{name}/resolve/{revision}/{path}`, {
    summary: 'A file, as at the Hub.',
    responses: SENT,
  }),
  ...read(`${type}Raw`, `${hub}/{owner}/{name}/raw/{revision}/{path}`, {
    summary: 'What git holds of a file: itself, or its LFS pointer.',
    responses: SENT,
  }),
  ...lfsBatch(`${type}LfsBatch`, `${hub}/{owner}/{name}.git/info/lfs/objects/batch`),
})

const lfsBatch = (operationId: string, path: string) => {
  const body = { 'application/vnd.git-lfs+json': { schema: LFS_BATCH } }
  const summary = 'Where the large files of a repo are, for `git lfs pull`.'
  const requestBody = { required: true, content: body }
  const answered = { description: 'Each object, or what is wrong with it.', content: body }
  const responses = { 200: answered, 403: { description: 'Uploads are not taken.' }, ...REPO_FAILURES }
  return { [path]: { post: { operationId, summary, parameters: pathParameters(path), requestBody, responses } } }
}

const LFS_BATCH = {
  type: 'object',
  description: 'As the Git LFS Batch API has it.',
  properties: { objects: list(object({ oid: TEXT, size: WHOLE })) },
  required: ['objects'],
}

const BLOCKS = read('block', '/ipfs/{cid}', {
  summary: 'One block that is on this disk, as a trustless gateway gives it.',
  query: [
    {
      name: 'format',
      in: 'query',
      required: false,
      description: 'raw; or Accept: application/vnd.ipld.raw',
      schema: { const: 'raw' },
    },
  ],
  responses: {
    200: bytes('The block.', 'application/vnd.ipld.raw'),
    400: failure('Not a CID, or nothing said of the format.'),
    404: failure('Not on this disk.'),
    406: failure('A format that is not raw.'),
  },
})

interface OpenApiDocument {
  readonly openapi: '3.1.0'
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly servers: readonly { readonly url: string }[]
  readonly paths: Readonly<Record<string, object>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

/** The OpenAPI document of all that is this gateway's own. The Hub's surface under `/api` is the Hub's to describe. */
export const OPENAPI: OpenApiDocument = {
  openapi: '3.1.0',
  info: {
    title: 'hubmesh gateway',
    version: '1.0.0',
    description:
      'Own pages under /-/, plain paths, blocks, and where files are. Besides, it answers what Hub clients ask of the Hub.',
  },
  servers: [{ url: '/' }],
  paths: {
    ...OWN_PATHS,
    ...updateCheck('updateCheck', '/-/api/repos/{type}/{owner}/{name}/check-update'),
    ...repoPaths('model', '/models', ''),
    ...repoPaths('dataset', '/datasets', '/datasets'),
    ...repoPaths('space', '/spaces', '/spaces'),
    ...BLOCKS,
  },
  components: { schemas: SCHEMAS },
}
