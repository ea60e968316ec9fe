import { type Answer, HubError, json, notFound, repoNotFound } from '../answer.ts'
import { MAIN, type HubRepo, requireRevision } from '../repo.ts'
import { type HubRequest, splitRepo, splitRevision, typeOfPlural } from '../request.ts'
import { type HubState, type HubUser, requireAccess, userOf, visibleRepo } from '../state.ts'
import { answerPathsInfo, answerTree } from './entries.ts'
import { answerCache, answerFile } from './files.ts'
import { answerCommits, answerInfo, answerList, answerRefs } from './info.ts'
import { redirectIfRenamed } from './renamed.ts'

/** The Hub's own host. @throws HubError for every answer that is an error */
export const answerHub = async (hub: HubState, request: HubRequest): Promise<Answer> => {
  const user = userOf(hub, request.headers.authorization)
  if (request.method === 'OPTIONS') return { status: 204, headers: PREFLIGHT }
  if (request.route === 'cache') return answerCache(hub, request, user)
  if (request.route !== 'api') return answerFile(hub, request, user)
  const [, first = '', ...rest] = request.segments
  const type = typeOfPlural(first)
  if (type === undefined) return answerAccount(first, user)
  if (rest.length === 0) return answerList(hub, request, user)
  const split = splitRepo(type, rest, (segment) => segment === undefined || VERBS.has(segment))
  if (split === undefined) throw repoNotFound(user !== undefined)
  const moved = redirectIfRenamed(hub, request, split.repo)
  if (moved !== undefined) return moved
  return answerRepo(hub, request, { user, repo: visibleRepo(hub, split.repo, user), rest: split.rest })
}

const READS = ['revision', 'tree', 'paths-info', 'refs', 'commits', 'auth-check', 'discussions', 'xet-read-token']
const WRITES = ['commit', 'preupload', 'branch', 'tag', 'settings', 'super-squash']
const VERBS: ReadonlySet<string> = new Set([...READS, ...WRITES])
const PREFLIGHT = {
  'Access-Control-Allow-Methods': 'GET, HEAD, POST',
  'Access-Control-Allow-Headers': 'authorization, range, content-type',
}

const answerAccount = (name: string, user: HubUser | undefined): Answer => {
  if (name === 'agent-harnesses') return json({ standardEnvVars: [], harnesses: {} })
  if (name !== 'whoami-v2') throw notFound()
  if (user === undefined) throw new HubError(401, 'Invalid username or password.')
  const accessToken = { displayName: 'sample', role: 'read', createdAt: '2026-01-05T08:00:00.000Z' }
  const auth = { type: 'access_token', accessToken }
  return json({ type: 'user', id: user.name, name: user.name, fullname: user.name, orgs: [], auth })
}

interface RepoRequest {
  readonly user: HubUser | undefined
  readonly repo: HubRepo
  readonly rest: readonly string[]
}

const answerRepo = (
  hub: HubState,
  request: HubRequest,
  { user, repo, rest: [verb, ...rest] }: RepoRequest,
): Answer | Promise<Answer> => {
  switch (verb) {
    case undefined:
      return answerInfo(request, repo, requireRevision(repo, MAIN))
    case 'refs':
      return answerRefs(request, repo)
    case 'auth-check':
      requireAccess(repo, user)
      return json({})
    case 'revision':
      return answerInfo(request, repo, splitRevision(repo, rest).revision)
    case 'tree':
      return answerTree(hub, request, splitRevision(repo, rest))
    case 'paths-info':
      return answerPathsInfo(request, splitRevision(repo, rest).revision)
    case 'commits':
      return answerCommits(hub, request, { repo, revision: splitRevision(repo, rest).revision })
    default:
      throw WRITES.includes(verb) ? new HubError(403, 'The sample Hub is read-only') : notFound()
  }
}
