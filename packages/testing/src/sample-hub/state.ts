import { type RepoRef, repoKey } from '@hubmesh/content'
import { badToken, disabled, gated, repoNotFound } from './answer.ts'
import type { CdnSigner } from './cdn.ts'
import type { FaultBook } from './faults.ts'
import type { HubRepo } from './repo.ts'

export interface HubUser {
  readonly name: string
  /** Ids of private and gated repos that the user may read. @default none */
  readonly repos?: readonly string[]
}

/** What the routes work on. */
export interface HubState {
  /** By `repoKey`. */
  readonly repos: Map<string, HubRepo>
  /** Old names, by `repoKey`. */
  readonly renamed: Map<string, RepoRef>
  readonly tokens: ReadonlyMap<string, HubUser>
  readonly faults: FaultBook
  readonly cdn: CdnSigner
  readonly pageSize: number
  /** `http://127.0.0.1:PORT` */
  readonly url: string
}

/** @throws HubError for a token that the Hub does not know */
export const userOf = (hub: HubState, authorization: string | undefined): HubUser | undefined => {
  if (authorization === undefined) return undefined
  const user = hub.tokens.get(/^Bearer (.{1,200})$/i.exec(authorization)?.[1] ?? '')
  if (user === undefined) throw badToken()
  return user
}

export const mayRead = (repo: HubRepo, user: HubUser | undefined): boolean =>
  user?.repos?.includes(repo.ref.id) ?? false

/** @throws HubError as for a missing repo when it is private and not the user's */
export const visibleRepo = (hub: HubState, ref: RepoRef, user: HubUser | undefined): HubRepo => {
  const repo = hub.repos.get(repoKey(ref))
  if (repo === undefined || (repo.options.private === true && !mayRead(repo, user))) {
    throw repoNotFound(user !== undefined)
  }
  if (repo.options.disabled === true) throw disabled()
  return repo
}

/** @throws HubError when the repo's files are gated and the user has no access */
export const requireAccess = (repo: HubRepo, user: HubUser | undefined): void => {
  if (repo.options.gated !== undefined && !mayRead(repo, user)) throw gated(repo.ref.id, user !== undefined)
}
