import { MeshError } from './errors.ts'
import { type RepoRef, repoKey } from './repo.ts'

const MAX_PATTERNS = 1000
const MAX_PATTERN_CHARACTERS = 1024

/**
 * A filter over paths (or repo ids), as huggingface_hub's `filter_repo_objects` has it: Python's `fnmatch`, case-sensitive,
 * where `*` also matches `/`, `?` is any one character, `[abc]`, `[a-z]` and `[!a]` are sets, and a pattern that ends in `/`
 * means everything below. No `include` at all lets everything in; `exclude` wins.
 * @throws MeshError `bad-input` for more than 1 000 patterns, or one over 1 024 characters
 */
export const globMatcher = (
  include: readonly string[] = [],
  exclude: readonly string[] = [],
): ((path: string) => boolean) => {
  const wanted = compileAll(include)
  const unwanted = compileAll(exclude)
  return (path) =>
    (wanted.length === 0 || wanted.some((pattern) => pattern.test(path))) &&
    !unwanted.some((pattern) => pattern.test(path))
}

/** A filter over repos by globs over `owner/name`, or over `type:owner/name` where one has a `type:`. None lets nothing in. */
export const repoMatcher = (globs: readonly string[]): ((repo: RepoRef) => boolean) => {
  const matchers = globs.map((glob) => {
    const matches = globMatcher([glob])
    return glob.includes(':') ? (repo: RepoRef) => matches(repoKey(repo)) : (repo: RepoRef) => matches(repo.id)
  })
  return (repo) => matchers.some((matches) => matches(repo))
}

const compileAll = (patterns: readonly string[]): RegExp[] => {
  if (patterns.length > MAX_PATTERNS) throw new MeshError('bad-input', `over ${MAX_PATTERNS} patterns`)
  return patterns.map((pattern) => {
    if (pattern.length > MAX_PATTERN_CHARACTERS)
      throw new MeshError('bad-input', `a pattern of over ${MAX_PATTERN_CHARACTERS} characters`)
    return compile(pattern.endsWith('/') ? `${pattern}*` : pattern)
  })
}

/**
 * A `*` takes as little as lets the text up to the next `*` match, and never gives it back (an atomic group, written as a
 * lookahead): so a pattern costs linear time in each star, and `*a*a*a*a` cannot hang a node.
 */
const compile = (pattern: string): RegExp => {
  const [first = '', ...rest] = splitAtStars(Array.from(pattern))
  const last = rest.pop()
  const middle = rest.map((fixed, index) => `(?=(?<star${index}>.*?${fixed}))\\k<star${index}>`)
  return new RegExp(`^${first}${middle.join('')}${last === undefined ? '' : `.*${last}`}$`, 'su')
}

/** The pattern's parts between its stars, each as a regular expression. A run of stars is one. */
const splitAtStars = (characters: readonly string[]): string[] => {
  const parts = ['']
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at]!
    if (character === '*') {
      if (characters[at - 1] !== '*') parts.push('')
      continue
    }
    const end = character === '[' ? endOfSet(characters, at) : -1
    parts[parts.length - 1] +=
      character === '?' ? '.' : end > at ? setOf(characters.slice(at + 1, end)) : exactly(character)
    if (end > at) at = end
  }
  return parts
}

/** Where the set that opens at `at` closes; -1 when it never does, and `[` stands for itself. A `]` in first place is a member. */
const endOfSet = (characters: readonly string[], at: number): number =>
  characters.indexOf(']', at + (characters[at + 1] === '!' ? 3 : 2))

const setOf = (inside: readonly string[]): string => {
  const negated = inside[0] === '!'
  const members = negated ? inside.slice(1) : inside
  let ranges = ''
  for (let at = 0; at < members.length; at += 1) {
    const from = members[at]!
    const to = members[at + 1] === '-' ? members[at + 2] : undefined
    if (to === undefined) ranges += exactly(from)
    else {
      if (from <= to) ranges += `${exactly(from)}-${exactly(to)}` // a range that runs backwards is empty
      at += 2
    }
  }
  if (ranges === '') return negated ? '.' : '(?!)'
  return `[${negated ? '^' : ''}${ranges}]`
}

const exactly = (character: string): string => `\\u{${character.codePointAt(0)!.toString(16)}}`
