import { isFile } from '@hubmesh/content'
import { type Answer, json, text } from '../answer.ts'
import { errorAnswer } from '../errors.ts'
import { within } from '../patience.ts'
import { type Handler, STATUS_PATIENCE_MS, bytesDeadline } from './request.ts'
import { pinQuery, renamed, snapshotHeaders } from './snapshot.ts'

/** Everybody who can reach this gateway may read: whatever token comes is good, and none is not logged in, as at the Hub. */
export const whoami: Handler<'whoami'> = (_room, _route, { headers }): Answer =>
  headers.authorization === undefined
    ? errorAnswer(401, 'Invalid username or password.')
    : json(ANYBODY, { 'Cache-Control': 'no-store' })

const ANYBODY = {
  type: 'user',
  id: 'hubmesh',
  name: 'hubmesh',
  fullname: 'anybody at this hubmesh gateway',
  orgs: [],
  auth: {
    type: 'access_token',
    accessToken: { displayName: 'hubmesh', role: 'read', createdAt: '2026-01-01T00:00:00.000Z' },
  },
}

/** Every Python process asks once a day, and keeps what it gets. */
export const agentHarnesses: Handler<'agent-harnesses'> = (): Answer => json({ standardEnvVars: [], harnesses: {} })

/** Nothing is counted. */
export const telemetry: Handler<'telemetry'> = (): Answer => ({ status: 204, headers: {} })

export const discussions: Handler<'discussions'> = (): Answer => json({ discussions: [], count: 0, start: 0 })

export const xetToken: Handler<'xet-token'> = (): Answer =>
  errorAnswer(404, 'this gateway serves files over HTTP alone: there is no Xet here')

/** git shows its user text that comes with a 404. */
export const git: Handler<'git'> = (_room, _route, { base }): Answer =>
  text(
    'This hubmesh gateway keeps files, not git objects: it cannot be cloned from, fetched from or pushed to.\n' +
      'Use `hf download ID`, or GET /ID/resolve/REVISION/PATH; GET /ID/SHA256SUMS lists what there is.\n' +
      'For the large files of a clone from the Hub:\n' +
      '  GIT_LFS_SKIP_SMUDGE=1 git clone https://huggingface.co/ID && cd NAME\n' +
      `  git config lfs.url ${base}/ID.git/info/lfs && git lfs pull\n`,
    {},
    404,
  )

/** `/{owner}/{repo}/SHA256SUMS[?revision=]`, for `sha256sum -c`. No repo path has a character that its format escapes. */
export const sums: Handler<'sums'> = async (room, route, request): Promise<Answer> => {
  using deadline = bytesDeadline(request)
  const { snapshot } = await pinQuery(room, route, request, deadline)
  const moved = renamed(snapshot, route, request)
  if (moved !== undefined) return moved
  const entries = await deadline.run((signal) => snapshot.entries({ signal }))
  const lines = entries.filter(isFile).map((file) => `${file.sha256}  ${file.path}\n`)
  return text(lines.join(''), snapshotHeaders(snapshot))
}

export const healthz: Handler<'healthz'> = (): Answer => json({ status: 'ok' })

export const readyz: Handler<'readyz'> = (room): Answer => {
  const ready = room.ready()
  return json(ready, ready.ready ? {} : { 'Retry-After': '5' }, ready.ready ? 200 : 503)
}

export const status: Handler<'status'> = async (room, _route, { signal }): Promise<Answer> =>
  json(await within(() => room.status(), { signal, ms: STATUS_PATIENCE_MS }), { 'Cache-Control': 'no-store' })
