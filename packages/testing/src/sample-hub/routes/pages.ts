import { type Answer, HubError, json } from '../answer.ts'
import type { HubRequest } from '../request.ts'
import type { HubState } from '../state.ts'

/** One page of `rows`, and an absolute `Link` to the next where there is more. `most` bounds `limit`. */
export const page = (hub: HubState, { url }: HubRequest, rows: readonly unknown[], most: number): Answer => {
  const start = offsetOf(url.searchParams.get('cursor'))
  const limit = Number(url.searchParams.get('limit') ?? most)
  if (!Number.isInteger(limit) || limit < 1) throw new HubError(400, 'limit must be a positive integer')
  const end = start + Math.min(limit, most)
  const headers = { 'X-Total-Count': String(rows.length) }
  if (end >= rows.length) return json(rows.slice(start), headers)
  const next = new URL(`${url.pathname}${url.search}`, hub.url)
  next.searchParams.set('cursor', Buffer.from(String(end)).toString('base64url'))
  return json(rows.slice(start, end), { ...headers, Link: `<${next.href}>; rel="next"` })
}

const offsetOf = (cursor: string | null): number => {
  const text = cursor === null ? '0' : Buffer.from(cursor, 'base64url').toString()
  if (!/^\d{1,9}$/.test(text)) throw new HubError(400, 'invalid cursor')
  return Number(text)
}
