import { type Route, type ShortNames, UNKNOWN, repoRoute, typeOf } from './route.ts'

const PROBES = ['healthz', 'readyz', 'metrics'] as const

/** Our own pages, below `/-/`. */
export const parseOwn = (segments: readonly string[], names: ShortNames): Route => {
  const [, first, second, third = '', ...rest] = segments
  if (second === undefined) {
    const kind = PROBES.find((name) => name === first)
    return kind === undefined ? UNKNOWN : { kind }
  }
  if (first !== 'api') return UNKNOWN
  if (second === 'repos' && rest.length > 1) return parseRepo(third, segments, names)
  if (third !== '') return UNKNOWN
  return second === 'status' ? { kind: 'status' } : second === 'openapi.json' ? { kind: 'openapi' } : UNKNOWN
}

/** `/-/api/repos/{models,datasets,spaces}/ID/check-update`. */
const parseRepo = (plural: string, segments: readonly string[], names: ShortNames): Route => {
  const type = typeOf(plural)
  const to = segments.length - 1
  if (type === 'foreign') return { kind: 'no-repo' }
  if (type === undefined || to > 6 || segments[to] !== 'check-update') return UNKNOWN
  return repoRoute('check-update', segments, { type, from: 4, to, rest: [] }, names)
}
