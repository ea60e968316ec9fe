import { type FileEntry, MeshError, type RepoRef, type Snapshot, isFile, isMeshError, isSha256 } from '@hubmesh/content'
import { z } from 'zod'
import { type Answer, type HeaderFields, json } from '../answer.ts'
import { failureAnswer, isOurFault } from '../errors.ts'
import { encodePath, headerText } from '../http/headers.ts'
import { BYTES_PATIENCE_MS, patiently, within } from '../patience.ts'
import { type GatewayRequest, type Handler, type Room, jsonBody, webPath } from './request.ts'

/** Ten times what git-lfs asks for at once. */
const MAX_OBJECTS = 1000

const batchSchema = z.object({
  operation: z.string(),
  objects: z.array(z.object({ oid: z.string().max(1000), size: z.number().int().min(0) })),
  ref: z.object({ name: z.string() }).nullish(),
  hash_algo: z.string().nullish(),
})
type Batch = z.output<typeof batchSchema>

/**
 * `POST /{id}.git/info/lfs/objects/batch`: where to get each object of a repo, for `git lfs pull` (the Git LFS Batch API).
 * An object is looked for in the revision that is named, then in all others that are offered of this repo, never elsewhere.
 */
export const lfsBatch: Handler<'lfs-batch'> = async (room, { repo }, request): Promise<Answer> => {
  const parsed = batchSchema.safeParse(jsonBody(request))
  if (!parsed.success) return lfsError(422, 'not a batch request: {"operation": "download", "objects": [{oid, size}]}')
  const batch = parsed.data
  const fault = batchFault(batch)
  if (fault !== undefined) return fault
  try {
    const search = await findObjects(room, repo, { batch, request })
    const objects = batch.objects.map((object) => objectAnswer(object, search, request))
    return json({ transfer: 'basic', objects, hash_algo: 'sha256' }, { 'Content-Type': LFS_JSON })
  } catch (error) {
    if (!isMeshError(error) || isOurFault(error)) throw error
    // Never 401: git would ask its user for a password.
    const { status, headers } = failureAnswer(error, { bytes: true, token: true })
    return lfsError(status, error.message, headers)
  }
}

const LFS_JSON = 'application/vnd.git-lfs+json'

const lfsError = (status: number, message: string, headers: HeaderFields = {}): Answer =>
  json({ message }, { ...headers, 'Content-Type': LFS_JSON, 'X-Error-Message': headerText(message) }, status)

const batchFault = ({ operation, objects, hash_algo: algorithm }: Batch): Answer | undefined => {
  if (operation !== 'download') return lfsError(403, 'this is a read-only mirror: push to the Hub itself')
  if ((algorithm ?? 'sha256') !== 'sha256') return lfsError(409, 'objects have sha256 names here')
  if (objects.length > MAX_OBJECTS) return lfsError(413, `ask for ${MAX_OBJECTS} objects at most`)
  return undefined
}

interface Place {
  readonly snapshot: Snapshot
  readonly file: FileEntry
}

interface Search {
  readonly places: ReadonlyMap<string, Place>
  /** Some revision could not be looked into: what was not found may be there. */
  readonly isPartial: boolean
}

/** @throws MeshError `repo-not-found`, `not-ready` */
const findObjects = async (
  { library }: Room,
  repo: RepoRef,
  { batch, request }: { batch: Batch; request: GatewayRequest },
): Promise<Search> => {
  const end = request.startedAt + BYTES_PATIENCE_MS
  const inTime = { signal: request.signal, patienceMs: BYTES_PATIENCE_MS }
  const offered = await patiently(() => library.repo(repo), inTime)
  if (offered.removed === true) throw new MeshError('repo-not-found', `${repo.id} is no longer offered`)
  const named = batch.ref == null ? [] : [batch.ref.name]
  const heads = Object.values(offered.refs).map(({ revision }) => revision)
  const revisions = new Set([...named, 'HEAD', ...heads, ...Object.keys(offered.revisions)])
  const missing = new Set(batch.objects.map(({ oid }) => oid).filter((oid) => isSha256(oid)))
  const places = new Map<string, Place>()
  let isPartial = false
  for (const revision of revisions) {
    if (missing.size === 0) break
    try {
      const look = async (signal: AbortSignal): Promise<void> => {
        const snapshot = await library.resolve(repo, revision, { signal })
        for (const file of (await snapshot.entries({ signal })).filter(isFile))
          if (missing.delete(file.sha256)) places.set(file.sha256, { snapshot, file })
      }
      await within(look, { signal: request.signal, ms: end - performance.now() })
    } catch (error) {
      request.signal.throwIfAborted()
      if (!isMeshError(error)) throw error
      isPartial ||= error.code !== 'revision-not-found'
    }
  }
  return { places, isPartial }
}

const objectAnswer = (
  { oid, size }: { oid: string; size: number },
  { places, isPartial }: Search,
  { base }: GatewayRequest,
): unknown => {
  const failed = (code: number, message: string) => ({ oid, size, error: { code, message } })
  const place = places.get(oid)
  if (!isSha256(oid)) return failed(422, 'not a sha256 in lower-case hex')
  if (place === undefined && isPartial) return failed(503, 'not known yet: ask again soon')
  if (place === undefined) return failed(404, 'no revision of this repo that is kept here has this object')
  const { snapshot, file } = place
  if (file.size !== size) return failed(422, `this object has ${file.size} bytes`)
  const href = `${base}${webPath(snapshot.repo)}/resolve/${snapshot.revision}/${encodePath(file.path)}`
  return { oid, size, authenticated: true, actions: { download: { href } } }
}
