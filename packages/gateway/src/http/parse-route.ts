import { parseApi } from './api-route.ts'
import { parseOwn } from './own-route.ts'
import type { Route, ShortNames } from './route.ts'
import { pathSegments } from './target.ts'
import { parseWeb } from './web-route.ts'

/** Parses the request target as it came over the wire: split first, then each segment decoded once. */
export const parseRoute = (target: string, names: ShortNames = new Map()): Route => {
  const segments = pathSegments(target)
  if (segments[0] === '-') return parseOwn(segments, names)
  if (segments[0] === 'api') return parseApi(segments.at(-1) === '' ? segments.slice(0, -1) : segments, names)
  return parseWeb(segments, names)
}
