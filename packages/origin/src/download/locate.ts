import { type GitOid, MeshError, type RepoRef, repoKey, repoPlural } from '@hubmesh/content'
import { createSlots } from '../http/parallel.ts'
import { type Reply, type Transport, redirectTarget } from '../http/transport.ts'
import type { ListedFile } from '../hub/entries.ts'

/** A file at one commit of upstream. */
export interface RemoteFile extends ListedFile {
  readonly repo: RepoRef
  readonly revision: GitOid
}

/** Opens a file's bytes, wherever upstream keeps them. */
export type OpenFile = (range: string | undefined, signal: AbortSignal) => Promise<Reply>

const MAX_REDIRECTS = 5

export const describeFile = ({ repo, revision, path }: RemoteFile): string => `${repoKey(repo)}@${revision} ${path}`

/**
 * Follows `resolve` by hand: a relative redirect stays with upstream and keeps the token, one to another host goes without it.
 * One request asks where the file is while the others wait; a signed URL is then used by all, until it has expired.
 * @throws MeshError `unreachable` when it may help to try again, else what upstream's refusal means
 */
export const createLocator = (transport: Transport, file: RemoteFile): OpenFile => {
  const start = new URL(resolvePath(transport.base, file))
  let signed: URL | undefined
  let known = false
  const asking = createSlots(1)

  const follow: OpenFile = async (range, signal) => {
    const headers = range === undefined ? {} : { range }
    let url = signed ?? start
    for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
      const reply = await transport.send(url, { lane: 'files', headers, signal })
      const target = await redirectTarget(reply)
      if (target === undefined) return reply
      if (!transport.isOwn(target)) signed = target
      url = target
    }
    throw new MeshError('unreachable', `upstream redirects without end for ${describeFile(file)}`)
  }

  const open: OpenFile = async (range, signal) => {
    const reply = await follow(range, signal)
    if (reply.status === 200 || reply.status === 206) return reply
    if (transport.isOwn(reply.url)) throw await transport.failure(reply, { what: describeFile(file), lane: 'files' })
    signed = undefined
    known = false
    await reply.discard()
    throw new MeshError('unreachable', `${reply.url.host} answered ${reply.status} for ${describeFile(file)}`)
  }

  const learn = async (range: string | undefined, signal: AbortSignal): Promise<Reply | undefined> => {
    if (known) return undefined // by another request, while this one waited
    const reply = await open(range, signal)
    known = true
    return reply
  }

  return async (range, signal) => {
    const reply = known ? undefined : await asking.run(() => learn(range, signal), signal)
    return reply ?? open(range, signal)
  }
}

/** Segments encoded, `/` kept; a model's repo has no prefix here. */
const resolvePath = (base: string, { repo, revision, path }: RemoteFile): string => {
  const prefix = repo.type === 'model' ? '' : `${repoPlural(repo.type)}/`
  return `${base}/${prefix}${repo.id}/resolve/${revision}/${path.split('/').map(encodeURIComponent).join('/')}`
}
