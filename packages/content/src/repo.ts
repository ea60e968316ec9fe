import { MeshError } from './errors.ts'

export const REPO_TYPES = ['model', 'dataset', 'space'] as const
export type RepoType = (typeof REPO_TYPES)[number]

export interface RepoRef {
  readonly type: RepoType
  /** `name` or `namespace/name`. */
  readonly id: string
}

/** What a person names on the command line: a repo, and where given a ref, a revision or a glob of refs. */
export interface RepoSpec extends RepoRef {
  readonly ref?: string
}

const SEGMENT = /^(?!.*(--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$/

/** The rule of huggingface_hub's validate_repo_id: one or two segments of 1 to 96 characters, no `--`, `..`, `.git`. */
export const isRepoId = (id: string): boolean => {
  const segments = id.split('/')
  return segments.length <= 2 && segments.every((segment) => SEGMENT.test(segment)) && !id.endsWith('.git')
}

/** @throws MeshError `bad-input` */
export const asRepo = (type: RepoType, id: string): RepoRef => {
  if (!isRepoId(id)) {
    throw new MeshError('bad-input', `'${printable(id)}' is not a repo id`, {
      hint: 'an id looks like owner/name or name',
    })
  }
  return { type, id }
}

/**
 * Parses `[model:|dataset:|space:]ID[@REF]`.
 * @throws MeshError `bad-input`
 */
export const parseRepoSpec = (text: string): RepoSpec => {
  const [, type = 'model', id = '', ref] = /^(?:(model|dataset|space):)?([^@]*)(?:@(.*))?$/s.exec(text) ?? []
  const repo = asRepo(type as RepoType, id)
  if (ref === undefined) return repo
  if (!isRefPattern(ref))
    throw new MeshError('bad-input', `'${printable(ref)}' is not a ref`, { hint: 'for example @main, @v1.0 or @v*' })
  return { ...repo, ref }
}

/** One text for a repo everywhere: `model:owner/name`. Also its key in indexes and maps. */
export const repoKey = (repo: RepoRef): string => `${repo.type}:${repo.id}`

/** The API's plural: `models`, `datasets`, `spaces`. */
export const repoPlural = (type: RepoType): string => `${type}s`

/**
 * Git's rules for a ref name (git-check-ref-format), which also keep it out of trouble in URLs and paths. And never
 * `__proto__`: refs are the keys of records.
 */
export const isRefName = (name: string): boolean =>
  name.length > 0 &&
  name.length <= 255 &&
  name !== '__proto__' &&
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  !/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|^\/|\/$|\.$|^@$/.test(name) &&
  name.split('/').every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'))

export const DEFAULT_BRANCH = 'main'

const isRefPattern = (ref: string): boolean => isRefName(ref.replaceAll('*', 'x'))
const printable = (text: string): string => JSON.stringify(text.slice(0, 120)).slice(1, -1)
