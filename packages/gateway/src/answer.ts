import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { KIB } from '@hubmesh/content'
import { matchesNone } from './http/conditional.ts'

export type HeaderFields = Readonly<Record<string, string>>

/** What a route answers. Sent by `respond`, for GET and HEAD alike. */
export interface Answer {
  readonly status: number
  readonly headers: HeaderFields
  /** Absent on HEAD of a file, where `Content-Length` stands in the headers all the same. */
  readonly body?: string | Buffer | BodyStream
}

/** The bytes of a file, its first ones at hand. One of the two is called, once. */
export interface BodyStream {
  /** Writes all of it and ends the response; where it cannot, ends the connection short. Never rejects. */
  send(response: ServerResponse): Promise<void>
  discard(): Promise<void>
}

export const json = (value: unknown, headers: HeaderFields = {}, status = 200): Answer => ({
  status,
  headers: { 'Content-Type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(value),
})

export const text = (value: string, headers: HeaderFields = {}, status = 200): Answer => ({
  status,
  headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers },
  body: value,
})

/**
 * Gives text a weak tag, and leaves the text out where the client has it already. Files have tags of their own; what must
 * not be stored has none.
 */
export const withTag = (answer: Answer, ifNoneMatch: string | undefined): Answer => {
  const { status, headers, body } = answer
  const isTagged = 'ETag' in headers || headers['Cache-Control'] === 'no-store'
  if (status !== 200 || typeof body !== 'string' || isTagged) return answer
  const tag = `W/"${createHash('sha1').update(body).digest('hex')}"`
  const { 'Content-Type': _, ...rest } = headers
  if (matchesNone(ifNoneMatch, tag)) return { status: 304, headers: { ...rest, ETag: tag } }
  return { status, headers: { ...headers, ETag: tag }, body }
}

/** Node writes text together with the head, in one piece, and bytes behind it: for a few of them that takes a quarter longer. */
const JOINED_BYTES = 16 * KIB

/** Sends an answer over a response that nothing was written to. Never rejects. */
export const respond = async (response: ServerResponse, answer: Answer): Promise<void> => {
  const { status, headers, body } = answer
  if (typeof body === 'object' && !Buffer.isBuffer(body)) {
    if (response.destroyed) return body.discard()
    response.writeHead(status, headers)
    return body.send(response)
  }
  if (response.destroyed) return
  const length = body === undefined ? 0 : Buffer.byteLength(body)
  const bodiless = status === 204 || status === 304 || 'Content-Length' in headers
  response.writeHead(status, bodiless ? headers : { ...headers, 'Content-Length': String(length) })
  // Node itself leaves the body out of an answer to HEAD.
  if (Buffer.isBuffer(body) && body.length <= JOINED_BYTES) response.end(body.toString('latin1'), 'latin1')
  else response.end(body)
}
