import { type CommitInfo, MeshError, isGitOid } from '@hubmesh/content'
import type { CommitData } from '@huggingface/hub'

/** What a commit may hold in a manifest or a history. Characters. */
const MAX_TITLE = 1000
const MAX_MESSAGE = 20_000
const MAX_AUTHORS = 20
const MAX_AUTHOR = 200

/** @throws MeshError `bad-bytes` for an id that is none; RangeError for a date that is none */
export const readCommit = ({ oid, title, message, date, authors }: CommitData): CommitInfo => {
  if (!isGitOid(oid)) throw new MeshError('bad-bytes', 'upstream lists a commit without an id')
  return {
    id: oid,
    title: title.slice(0, MAX_TITLE),
    ...(message === '' ? {} : { message: message.slice(0, MAX_MESSAGE) }),
    date: date.toISOString(),
    authors: authors.slice(0, MAX_AUTHORS).map(({ username }) => ({ user: username.slice(0, MAX_AUTHOR) })),
  }
}
