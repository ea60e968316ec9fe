import { describe, expect, it } from 'vitest'
import { globMatcher } from '../src/index.ts'

describe('a glob', () => {
  // Each verdict is what Python's fnmatch.fnmatchcase gives, with huggingface_hub's rule for a slash at the end.
  it.each<[string, string, boolean]>([
    ['*.bin', 'model.bin', true],
    ['*.bin', 'deep/down/model.bin', true],
    ['*.bin', 'model.bin.txt', false],
    ['onnx', 'onnx/model.onnx', false],
    ['onnx/', 'onnx/model.onnx', true],
    ['onnx/', 'onnx/', true],
    ['onnx/*', 'onnx/a/b', true],
    ['onnx/**', 'onnx/a/b', true],
    ['**', 'any/thing', true],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', true],
    ['a?c', 'ac', false],
    ['?', '🤗', true],
    ['a.c', 'abc', false],
    ['[abc].txt', 'b.txt', true],
    ['[!abc].txt', 'b.txt', false],
    ['[!abc].txt', 'd.txt', true],
    ['[a-c]', 'b', true],
    ['[c-a]', 'b', false],
    ['[!c-a]', 'b', true],
    ['[]]', ']', true],
    ['[!]]', 'a', true],
    ['[!]]', ']', false],
    ['[a-]', '-', true],
    ['[-a]', '-', true],
    ['[a^]', '^', true],
    ['[^a]', 'a', true],
    ['[a', '[a', true],
    ['[', '[', true],
    ['[!', '[!', true],
    ['a\\b', 'a\\b', true],
    ['[\\]', '\\', true],
    ['A*', 'a', false],
    ['*a*b*', 'xaybz', true],
    ['*a*b*', 'xbya', false],
    ['*ab', 'aab', true],
    ['*aab*b', 'aaabb', true],
    ['*.{js,ts}', 'a.ts', false],
    ['!a', 'b', false],
    ['a(b)|c$', 'a(b)|c$', true],
    ['a\nb*', 'a\nb\nc', true],
  ])('%j against %j: %s', (pattern, path, expected) => expect(globMatcher([pattern])(path)).toBe(expected))
})

describe('a filter', () => {
  it('without patterns lets everything in, and exclusion wins', () => {
    expect(globMatcher()('a')).toBe(true)
    expect(globMatcher([], ['*.bin'])('a.bin')).toBe(false)
    expect(globMatcher(['*.bin', '*.txt'], ['secret*'])('a.txt')).toBe(true)
    expect(globMatcher(['*.bin'], ['secret*'])('secret.bin')).toBe(false)
    expect(globMatcher(['*.bin'])('a.txt')).toBe(false)
  })

  it('answers at once, whatever the pattern', () => {
    const matches = globMatcher(['*a'.repeat(500), `${'*?'.repeat(500)}x`])
    expect(matches('a'.repeat(4000))).toBe(true)
    expect(matches('b'.repeat(4000))).toBe(false)
    expect(matches(`${'a'.repeat(499)}b`)).toBe(false)
  })

  it('is bounded', () => {
    expect(() => globMatcher(Array.from({ length: 1001 }, () => 'a'))).toThrowError(/patterns/)
    expect(() => globMatcher(['a'.repeat(1025)])).toThrowError(/characters/)
  })
})
