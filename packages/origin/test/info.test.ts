import { encodeValue } from '@hubmesh/content'
import { expect, test } from 'vitest'
import { trimInfo } from '../src/hub/info.ts'

const KIB = 1024

test('keeps the Hub’s answer, but for files and Xet', () => {
  const info = { id: 'o/n', sha: 'x', cardData: { license: ['mit'], odd: null }, siblings: [1], xetEnabled: true }
  expect(trimInfo(info)).toEqual({ id: 'o/n', sha: 'x', cardData: { license: ['mit'], odd: null } })
})

test('drops the largest fields that clients can do without, until it fits', () => {
  const text = (kib: number): string => 'x'.repeat(kib * KIB)
  const info = { readme: text(400), config: text(300), tags: [text(200)], id: 'o/n', sha: 'x', small: 'kept' }
  const trimmed = trimInfo(info)
  expect(Object.keys(trimmed)).toEqual(['config', 'tags', 'id', 'sha', 'small'])
  expect(encodeValue(trimmed).length).toBeLessThanOrEqual(512 * KIB)
})

test('drops what clients read only when nothing else is left, and id and sha never', () => {
  const trimmed = trimInfo({ id: 'o/n', sha: 'x', tags: 'x'.repeat(600 * KIB), other: 1 })
  expect(trimmed).toEqual({ id: 'o/n', sha: 'x' })
})

test('drops what no manifest can hold', () => {
  const deep = JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`) as unknown
  const named = JSON.parse('{"id":"o/n","__proto__":{"x":1}}') as object
  expect(trimInfo({ ...named, deep })).toEqual({ id: 'o/n' })
  expect(trimInfo(named)).toEqual({ id: 'o/n' })
  expect(trimInfo('no object')).toEqual({})
})
