import { type ByteSource, type FileBody, type FileEntry, isFile, isMeshError, isRepoPath } from '@hubmesh/content'
import type { Answer, HeaderFields } from '../answer.ts'
import { fileStream } from '../body/file-stream.ts'
import { errorAnswer, failureAnswer, isOurFault } from '../errors.ts'
import { planOf } from '../http/send-plan.ts'
import type { Deadline } from '../patience.ts'
import { fileHeaders, pinnedLocation } from './file-headers.ts'
import { type GatewayRequest, type Handler, type Room, bytesDeadline, bytesPatience } from './request.ts'
import { type Pinned, entryNotFound, pinPath, pinQuery, renamed, snapshotHeaders } from './snapshot.ts'

/** The file itself, straight from here: 200, 206, 304 or 416, never a redirect. */
export const resolve: Handler<'resolve'> = async (room, route, request) => {
  using deadline = bytesDeadline(request)
  const pinned = await pinPath(room, route, 1, deadline)
  const moved = renamed(pinned.snapshot, route, request)
  return moved ?? (await answerFile(room, request, { ...pinned, deadline }, pinnedLocation(request, pinned)))
}

/** `/models/{owner}/{repo}/{path}`: for people and scripts. The default branch, or `?revision=`. */
export const plain: Handler<'plain'> = async (room, route, request) => {
  using deadline = bytesDeadline(request)
  const pinned = await pinQuery(room, route, request, deadline)
  return renamed(pinned.snapshot, route, request) ?? (await answerFile(room, request, { ...pinned, deadline }))
}

/** What git holds: the file itself, or the three lines of an LFS pointer. */
export const raw: Handler<'raw'> = async (room, route, request) => {
  using deadline = bytesDeadline(request)
  const pinned = await pinPath(room, route, 1, deadline)
  const moved = renamed(pinned.snapshot, route, request)
  if (moved !== undefined) return moved
  const found = await findFile({ ...pinned, deadline })
  if ('status' in found) return found
  if (found.lfs === undefined) return await answerFile(room, request, { ...pinned, deadline })
  const pointer = Buffer.from(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${found.lfs.oid}\nsize ${found.lfs.size}\n`,
  )
  const plan = planOf(request.headers, { size: pointer.length, etag: `"${found.oid}"` })
  const headers = fileHeaders(request, pinned, found, plan)
  if (plan.part === undefined) return { status: plan.status, headers }
  const part = pointer.subarray(plan.part.start, plan.part.end)
  return { status: plan.status, headers: { ...headers, 'X-Mesh-Source': 'local' }, body: part }
}

interface PinnedInTime extends Pinned {
  readonly deadline: Deadline
}

/** @param more headers for what is sent of the file */
const answerFile = async (
  room: Room,
  request: GatewayRequest,
  pinned: PinnedInTime,
  more: HeaderFields = {},
): Promise<Answer> => {
  const { snapshot } = pinned
  const file = await findFile(pinned)
  if ('status' in file) return file
  const plan = planOf(request.headers, { size: file.size, etag: `"${file.lfs?.oid ?? file.oid}"` })
  const headers = fileHeaders(request, pinned, file, plan)
  const { status, part } = plan
  if (part === undefined) return { status, headers }
  const sent = (source: ByteSource): Omit<Answer, 'body'> => ({
    status,
    headers: { ...headers, ...more, 'X-Mesh-Source': source },
  })
  if (part.end === part.start) return { ...sent('local'), body: '' }
  if (request.method === 'HEAD') {
    snapshot.warm(file)
    return sent(await snapshot.source(file))
  }
  try {
    const { signal } = request
    const body = await openBody(pinned, file)
    const stream = { range: part, signal, patienceMs: bytesPatience(request), pool: room.pool, log: room.log }
    return { ...sent(body.source), body: await fileStream(body, stream) }
  } catch (error) {
    if (!isMeshError(error) || isOurFault(error)) throw error
    return failureAnswer(error, { bytes: true, token: false }, snapshotHeaders(snapshot))
  }
}

/** Closes what opens too late for anyone to read it. */
const openBody = async ({ snapshot, deadline }: PinnedInTime, file: FileEntry): Promise<FileBody> => {
  let opening: Promise<FileBody> | undefined
  try {
    return await deadline.run((signal) => (opening = snapshot.open(file, { signal })))
  } catch (error) {
    const ignore = (): void => {} // the error itself is told
    void opening?.then((body) => body.close()).catch(ignore)
    throw error
  }
}

/** The file's entry, or the answer that there is none. */
const findFile = async ({ snapshot, path, deadline }: PinnedInTime): Promise<FileEntry | Answer> => {
  if (!isRepoPath(path))
    return errorAnswer(400, 'not a path inside a repo', { headers: { 'X-Repo-Commit': snapshot.revision } })
  const entry = await deadline.run((signal) => snapshot.entry(path, { signal }))
  return entry !== undefined && isFile(entry) ? entry : entryNotFound(snapshot, path, { bytes: true })
}
