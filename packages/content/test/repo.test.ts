import { describe, expect, it } from 'vitest'
import { isRefName, isRepoId, isRepoPath, parseRepoSpec } from '../src/index.ts'

describe('repo names', () => {
  it.each(['gpt2', 'lj1995/GPT-SoVITS', 'a/b.c_d-e', '_a/b'])('takes %s', (id) => expect(isRepoId(id)).toBe(true))
  it.each(['', 'a/b/c', '../x', 'a--b', 'a..b', '-a', 'a/.b', 'a/b.git', 'ä/b', 'a b', 'x'.repeat(97)])(
    'refuses %j',
    (id) => expect(isRepoId(id)).toBe(false),
  )

  it('parses type, id and ref', () => {
    expect(parseRepoSpec('gpt2')).toEqual({ type: 'model', id: 'gpt2' })
    expect(parseRepoSpec('dataset:o/n@refs/pr/1')).toEqual({ type: 'dataset', id: 'o/n', ref: 'refs/pr/1' })
    expect(parseRepoSpec('space:o/n@v*')).toEqual({ type: 'space', id: 'o/n', ref: 'v*' })
    expect(() => parseRepoSpec('bucket:o/n')).toThrow(/not a repo id/)
    expect(() => parseRepoSpec('o/n@')).toThrow(/not a ref/)
  })
})

describe('refs and paths', () => {
  it.each(['main', 'feature/onnx', 'refs/pr/1', 'v1.0'])('takes the ref %s', (ref) => expect(isRefName(ref)).toBe(true))
  it.each(['', 'a..b', '/a', 'a/', 'a b', 'a~1', 'a.lock', '.a', 'a//b', '@'])('refuses the ref %j', (ref) =>
    expect(isRefName(ref)).toBe(false),
  )
  it.each(['a', 'a/b c/d+e%.txt', '模型/权重.pth', '.gitattributes'])('takes the path %s', (path) =>
    expect(isRepoPath(path)).toBe(true),
  )
  it.each(['', '/a', 'a//b', '../a', 'a/./b', 'a\\b', 'C:/x', 'a\0b', 'a/', '\ud800'])('refuses the path %j', (path) =>
    expect(isRepoPath(path)).toBe(false),
  )
})
