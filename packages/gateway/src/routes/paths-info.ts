import { MeshError, isRepoPath } from '@hubmesh/content'
import { z } from 'zod'
import { type Answer, json } from '../answer.ts'
import { type GatewayRequest, type Handler, isYes, jsonBody } from './request.ts'
import { pinRevision, renamed, snapshotHeaders } from './snapshot.ts'
import { treeEntry } from './tree.ts'

const MAX_PATHS = 10_000

interface PathsRequest {
  readonly paths: readonly string[]
  readonly expand: boolean
}

const bodySchema = z.object({
  paths: z.union([z.string().transform((path) => [path]), z.array(z.string()).max(MAX_PATHS)]),
  expand: z.boolean().optional(),
})

/** `POST /api/{type}/{id}/paths-info/{rev}`: a form from Python, JSON from JS. Unknown paths are left out. */
export const pathsInfo: Handler<'paths-info'> = async (room, route, request): Promise<Answer> => {
  const { paths, expand } = parseBody(request)
  const snapshot = await pinRevision(room, route, request)
  const moved = renamed(snapshot, route, request)
  if (moved !== undefined) return moved
  const { signal } = request
  const found: unknown[] = []
  for (const path of new Set(paths.map((path) => path.replace(/\/$/, '')))) {
    const entry = isRepoPath(path) ? await snapshot.entry(path, { signal }) : undefined
    if (entry !== undefined) found.push(treeEntry(entry, expand ? snapshot : undefined))
  }
  return json(found, snapshotHeaders(snapshot))
}

/** @throws MeshError `bad-input` */
const parseBody = (request: GatewayRequest): PathsRequest => {
  const isJson = request.headers['content-type']?.startsWith('application/json') === true
  return isJson ? parseJson(jsonBody(request)) : parseForm(new URLSearchParams(request.body.toString()))
}

const parseJson = (value: unknown): PathsRequest => {
  const parsed = bodySchema.safeParse(value)
  if (!parsed.success) throw new MeshError('bad-input', 'paths-info wants {"paths": ["…"], "expand": false}')
  return { paths: parsed.data.paths, expand: parsed.data.expand === true }
}

const parseForm = (form: URLSearchParams): PathsRequest => {
  const paths = [...form.getAll('paths'), ...form.getAll('paths[]')]
  if (paths.length > MAX_PATHS) throw new MeshError('bad-input', `paths-info takes ${MAX_PATHS} paths at most`)
  return { paths, expand: isYes(form.get('expand')) }
}
