/** One page of a list, and where the next begins. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly next?: number
}

/** `limit` as a client sends it: a whole number from 1 to `most`; anything else is `preset`. */
export const parseLimit = (value: string | null, preset: number, most: number): number =>
  value !== null && /^[1-9]\d{0,8}$/.test(value) ? Math.min(Number(value), most) : preset

/** The cursor is a place in a list that does not change: of one commit, or of the repos in order. */
export const parseCursor = (value: string | null): number =>
  value !== null && /^\d{1,9}$/.test(value) ? Number(value) : 0

export const pageOf = <T>(items: readonly T[], start: number, limit: number): Page<T> => {
  const end = start + limit
  return { items: items.slice(start, end), ...(end < items.length ? { next: end } : {}) }
}

/**
 * `Link` to the next page. Absolute and at this very gateway: a relative one fails in Python and is ignored by JS.
 * @param base scheme, host and port as the client knows them
 */
export const nextLink = (base: string, path: string, query: URLSearchParams): string =>
  `<${base}${path}?${query.toString()}>; rel="next"`
