import { type Route, type ShortNames, UNKNOWN, field, repoRoute, typeOf } from './route.ts'

/** Verbs that something of the repo follows (a revision) … */
const LONG_VERBS = { revision: 'info', tree: 'tree', 'paths-info': 'paths-info', commits: 'commits' } as const
/** … and verbs that can end the path. */
const SHORT_VERBS = { refs: 'refs', 'auth-check': 'auth-check', discussions: 'discussions' } as const
const XET_VERBS = new Set(['xet-read-token', 'xet-write-token'])

/** Paths under `/api`, as the Hub has them. */
export const parseApi = (segments: readonly string[], names: ShortNames): Route => {
  const [, head = '', ...rest] = segments
  if (head === 'whoami-v2' && rest.length === 0) return { kind: 'whoami' }
  if (head === 'agent-harnesses' && rest.length === 0) return { kind: 'agent-harnesses' }
  if (head === 'telemetry') return { kind: 'telemetry' }
  const type = typeOf(head)
  if (type === 'foreign') return { kind: 'no-repo' }
  if (type === undefined) return UNKNOWN
  if (rest.length === 0) return { kind: 'list', type }
  const to = idEnd(segments)
  const [verb, ...tail] = segments.slice(to)
  const kind = verb === undefined ? 'info' : kindOf(verb, tail)
  return kind === undefined ? UNKNOWN : repoRoute(kind, segments, { type, from: 2, to, rest: tail }, names)
}

/** `/api/models/` ID: one segment where a verb follows it, else two. */
const idEnd = (segments: readonly string[]): number => {
  const [, , , verb] = segments
  if (verb === undefined) return 3
  const verbNext = segments.length > 4 ? isVerb(verb) : verb in SHORT_VERBS
  return verbNext ? 3 : 4
}

const isVerb = (verb: string): boolean => kindOf(verb, ['x']) !== undefined || Object.hasOwn(SHORT_VERBS, verb)

const kindOf = (verb: string, tail: readonly string[]) => {
  if (XET_VERBS.has(verb)) return 'xet-token'
  if (tail.length > 0) return field(LONG_VERBS, verb)
  return field(SHORT_VERBS, verb)
}
