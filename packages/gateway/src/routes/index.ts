import { MeshError } from '@hubmesh/content'
import { type Answer, json } from '../answer.ts'
import { errorAnswer, failureAnswer } from '../errors.ts'
import type { Route } from '../http/route.ts'
import { OPENAPI } from '../openapi/document.ts'
import { plain, raw, resolve } from './file.ts'
import { checkUpdate } from './check-update.ts'
import { info } from './info.ts'
import { ipfs } from './ipfs.ts'
import { lfsBatch } from './lfs.ts'
import { list } from './listing.ts'
import { metrics } from './metrics.ts'
import { pathsInfo } from './paths-info.ts'
import { authCheck, commits, refs } from './refs.ts'
import type { GatewayRequest, Handler, Room } from './request.ts'
import * as small from './small.ts'
import { tree } from './tree.ts'

const HANDLERS: { readonly [Kind in Route['kind']]: Handler<Kind> } = {
  resolve,
  raw,
  plain,
  info,
  tree,
  'paths-info': pathsInfo,
  refs,
  commits,
  list,
  'auth-check': authCheck,
  discussions: small.discussions,
  'xet-token': small.xetToken,
  whoami: small.whoami,
  'agent-harnesses': small.agentHarnesses,
  telemetry: small.telemetry,
  git: small.git,
  ipfs,
  sums: small.sums,
  'check-update': checkUpdate,
  'lfs-batch': lfsBatch,
  healthz: small.healthz,
  readyz: small.readyz,
  status: small.status,
  metrics,
  openapi: () => json(OPENAPI),
  // Nothing is hidden behind such a name: no need to look like what is private.
  'no-repo': () =>
    failureAnswer(new MeshError('repo-not-found', 'there is no such repo here'), { bytes: false, token: true }),
  unknown: () => errorAnswer(404, 'there is nothing at this address'),
}

export const answerRoute = async (room: Room, route: Route, request: GatewayRequest): Promise<Answer> =>
  // The table pairs each kind with its handler, which TypeScript cannot follow through the look-up.
  (HANDLERS[route.kind] as Handler<Route['kind']>)(room, route, request)

/**
 * The answer to a method that the route does not take, given before any body is read.
 * `POST` is for what asks by a body; git's own posts get its explanation.
 */
export const refuseMethod = ({ method, own }: { method: string; own: boolean }, route: Route): Answer | undefined => {
  const asksByBody = route.kind === 'paths-info' || route.kind === 'lfs-batch'
  if (method === 'GET' || method === 'HEAD') return asksByBody ? notAllowed('POST') : undefined
  if (route.kind === 'git' || (method === 'POST' && asksByBody)) return undefined
  const isWrite = ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method)
  if (!isWrite || own) return notAllowed('GET, HEAD')
  return errorAnswer(403, 'this is a read-only mirror: upload to the Hub itself, or use hubmesh publish on its node')
}

const notAllowed = (allow: string): Answer => errorAnswer(405, `only ${allow} here`, { headers: { Allow: allow } })

/** Whether the route answers file bytes: then "not ready" is told by 429, the only status that Hub clients retry there. */
export const isBytesRoute = (route: Route): boolean =>
  route.kind === 'resolve' || route.kind === 'raw' || route.kind === 'plain'
