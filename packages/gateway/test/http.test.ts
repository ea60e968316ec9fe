import { describe, expect, it } from 'vitest'
import { matchesNone, rangeHolds } from '../src/http/conditional.ts'
import { contentDisposition, headerText } from '../src/http/headers.ts'
import { parseRange } from '../src/http/range.ts'

describe('parseRange of 1000 bytes', () => {
  it.each([
    ['bytes=0-0', { start: 0, end: 1 }],
    ['bytes=0-', { start: 0, end: 1000 }],
    ['bytes=10-19', { start: 10, end: 20 }],
    ['BYTES = 10 - 19', { start: 10, end: 20 }],
    ['bytes=999-5000', { start: 999, end: 1000 }],
    ['bytes=-1', { start: 999, end: 1000 }],
    ['bytes=-5000', { start: 0, end: 1000 }],
    ['bytes=1000-', 'unsatisfiable'],
    ['bytes=99999999999999999999-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-4', undefined],
    ['bytes=-', undefined],
    ['bytes=0-1,3-4', undefined],
    ['bytes=a-b', undefined],
    ['bytes=0x1-2', undefined],
    ['lines=0-1', undefined],
    ['bytes=--5', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s -> %o', (header, range) => expect(parseRange(header, 1000)).toEqual(range))

  it.each(['bytes=0-0', 'bytes=0-', 'bytes=-1'])('%s of nothing', (header) =>
    expect(parseRange(header, 0)).toBe('unsatisfiable'),
  )
})

describe('conditions', () => {
  it.each([
    ['"abc"', true],
    ['W/"abc"', true],
    ['"x", "abc"', true],
    ['*', true],
    ['"x"', false],
    ['abc', false],
    [undefined, false],
  ])('If-None-Match: %s', (header, matches) => expect(matchesNone(header, '"abc"')).toBe(matches))

  it.each([
    ['"abc"', true],
    [undefined, true],
    ['W/"abc"', false],
    ['"x"', false],
    ['Mon, 05 Jan 2026 08:00:00 GMT', false],
  ])('If-Range: %s', (header, holds) => expect(rangeHolds(header, '"abc"')).toBe(holds))
})

describe('header texts', () => {
  it.each([
    ['plain text', 'plain text'],
    ['日 é', '%E6%97%A5 %C3%A9'],
    ['line\r\nSet-Cookie: x', 'line%0D%0ASet-Cookie: x'],
    ['\ud800', '%EF%BF%BD'],
    ['😀', '%F0%9F%98%80'],
  ])('%j -> %s', (text, header) => expect(headerText(text)).toBe(header))

  it('bounds them', () => expect(headerText('x'.repeat(10_000))).toHaveLength(500))

  it.each([
    ['a/b.txt', `inline; filename*=UTF-8''b.txt; filename="b.txt";`],
    ['日 "q".txt', `inline; filename*=UTF-8''%E6%97%A5%20%22q%22.txt; filename="_ _q_.txt";`],
    ["it's (1)*.txt", `inline; filename*=UTF-8''it%27s%20%281%29%2A.txt; filename="it's (1)*.txt";`],
  ])('%s is disposed as %s', (path, header) => expect(contentDisposition(path, 'inline')).toBe(header))
})
