import { type RepoRef, repoKey } from '@hubmesh/content'
import type { Answer } from '../answer.ts'
import type { HubRequest } from '../request.ts'
import type { HubState } from '../state.ts'

/** A repo's old name: 307 with a relative Location, for files and the API alike. */
export const redirectIfRenamed = (hub: HubState, { url }: HubRequest, repo: RepoRef): Answer | undefined => {
  const now = hub.renamed.get(repoKey(repo))
  if (now === undefined) return undefined
  return { status: 307, headers: { Location: `${url.pathname.replace(repo.id, now.id)}${url.search}` } }
}
