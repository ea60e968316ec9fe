import { type ErrorCode, MeshError } from '@hubmesh/content'
import { describe, expect, it } from 'vitest'
import { failureAnswer } from '../src/errors.ts'

/** Code -> status for the API without a token, with one, and for file bytes. */
const STATUSES: readonly [ErrorCode, readonly [number, number, number], string?][] = [
  ['repo-not-found', [401, 404, 401], 'RepoNotFound'],
  ['revision-not-found', [404, 404, 404], 'RevisionNotFound'],
  ['entry-not-found', [404, 404, 404], 'EntryNotFound'],
  ['gated', [401, 403, 401], 'GatedRepo'],
  ['bad-input', [400, 400, 400]],
  ['not-ready', [503, 503, 429]],
  ['unreachable', [503, 503, 429]],
  ['busy', [503, 503, 429]],
  ['bad-bytes', [503, 503, 429]],
  ['denied', [503, 503, 429]],
  ['refused', [503, 503, 429]],
  ['no-space', [503, 503, 429]],
  ['io', [500, 500, 500]],
  ['config', [500, 500, 500]],
]

describe('failureAnswer', () => {
  it.each(STATUSES)('%s', (code, statuses, hubCode) => {
    const error = new MeshError(code, 'why')
    const answers = [
      failureAnswer(error, { bytes: false, token: false }),
      failureAnswer(error, { bytes: false, token: true }),
      failureAnswer(error, { bytes: true, token: false }),
    ]
    expect(answers.map(({ status }) => status)).toEqual(statuses)
    for (const { status, headers, body } of answers) {
      expect(headers['X-Error-Code']).toBe(hubCode)
      expect(headers['X-Error-Message']).toBe('why')
      expect(body).toBe('{"error":"why"}')
      // Whole seconds are all that clients read.
      expect(headers['Retry-After'] ?? 'none').toMatch(status === 503 || status === 429 ? /^[1-9]\d*$/ : /^none$/)
    }
  })

  it.each([
    [0, '1'],
    [2.2, '3'],
    [9_999, '120'],
    [undefined, '5'],
  ])('says Retry-After for %s s as %s', (retryAfter, header) => {
    const error = new MeshError('not-ready', 'soon', retryAfter === undefined ? {} : { retryAfter })
    expect(failureAnswer(error, { bytes: true, token: false }).headers['Retry-After']).toBe(header)
  })

  it('tells nothing of an error that is not ours', () => {
    const answer = failureAnswer(new Error('ENOENT /home/me/secret'), { bytes: true, token: false })
    expect(answer.status).toBe(500)
    expect(JSON.stringify(answer)).not.toContain('secret')
  })
})
