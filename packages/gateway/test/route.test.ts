import { describe, expect, it } from 'vitest'
import { decodeOnce } from '../src/http/decode.ts'
import { revisionSplits } from '../src/http/revision.ts'
import { parseRoute } from '../src/http/parse-route.ts'
import { querySuffix } from '../src/http/target.ts'

/** Target -> kind, repo and raw rest. */
const REPO_ROUTES: readonly [string, string, string, readonly string[]][] = [
  ['/gpt2/resolve/main/config.json', 'resolve', 'model:gpt2', ['main', 'config.json']],
  ['/o/n/resolve/main/a/b%2Fc', 'resolve', 'model:o/n', ['main', 'a', 'b%2Fc']],
  ['/o/n/resolve/refs%2Fpr%2F1/x', 'resolve', 'model:o/n', ['refs%2Fpr%2F1', 'x']],
  ['/models/o/n/resolve/main/x?download=true', 'resolve', 'model:o/n', ['main', 'x']],
  ['/datasets/o/n/resolve/main/x', 'resolve', 'dataset:o/n', ['main', 'x']],
  ['/datasets/squad/raw/main/x', 'raw', 'dataset:squad', ['main', 'x']],
  ['/spaces/o/n/raw/v1/x', 'raw', 'space:o/n', ['v1', 'x']],
  ['/o/n/resolve/main/info/refs', 'resolve', 'model:o/n', ['main', 'info', 'refs']],
  ['/o/n/resolve/main/resolve/raw', 'resolve', 'model:o/n', ['main', 'resolve', 'raw']],
  ['/models/o/n/dir/x.bin', 'plain', 'model:o/n', ['dir', 'x.bin']],
  ['/datasets/o/n/x.csv', 'plain', 'dataset:o/n', ['x.csv']],
  ['/o/n/SHA256SUMS?revision=v1', 'sums', 'model:o/n', []],
  ['/spaces/o/n/SHA256SUMS', 'sums', 'space:o/n', []],
  ['/models/gpt2/config.json', 'plain', 'model:gpt2', ['config.json']],
  ['/gpt2/SHA256SUMS', 'sums', 'model:gpt2', []],
  ['/models/o/n/check-update', 'check-update', 'model:o/n', []],
  ['/datasets/squad/check-update', 'check-update', 'dataset:squad', []],
  ['/-/api/repos/models/o/n/check-update', 'check-update', 'model:o/n', []],
  ['/-/api/repos/spaces/n/check-update?revision=v1', 'check-update', 'space:n', []],
  ['/o/n.git/info/lfs/objects/batch', 'lfs-batch', 'model:o/n', []],
  ['/datasets/n/info/lfs/objects/batch', 'lfs-batch', 'dataset:n', []],
  ['/api/models/gpt2', 'info', 'model:gpt2', []],
  ['/api/models/o/n/', 'info', 'model:o/n', []],
  ['/api/models/o%2Fn', 'info', 'model:o/n', []],
  ['/api/datasets/o/n/revision/main', 'info', 'dataset:o/n', ['main']],
  ['/api/models/gpt2/revision/refs/pr/1', 'info', 'model:gpt2', ['refs', 'pr', '1']],
  ['/api/models/gpt2/tree/main', 'tree', 'model:gpt2', ['main']],
  ['/api/models/o/n/tree/main/a%2Fb', 'tree', 'model:o/n', ['main', 'a%2Fb']],
  ['/api/models/o/tree', 'info', 'model:o/tree', []],
  ['/api/models/o/n/refs?include_prs=1', 'refs', 'model:o/n', []],
  ['/api/models/gpt2/refs', 'refs', 'model:gpt2', []],
  ['/api/spaces/o/n/paths-info/main', 'paths-info', 'space:o/n', ['main']],
  ['/api/models/o/n/commits/main', 'commits', 'model:o/n', ['main']],
  ['/api/models/o/n/auth-check', 'auth-check', 'model:o/n', []],
  ['/api/models/o/n/discussions', 'discussions', 'model:o/n', []],
  ['/api/models/o/n/xet-read-token/main', 'xet-token', 'model:o/n', ['main']],
]

const OTHER_ROUTES: readonly [string, object][] = [
  ['/api/models', { kind: 'list', type: 'model' }],
  ['/api/datasets?search=x', { kind: 'list', type: 'dataset' }],
  ['/api/whoami-v2', { kind: 'whoami' }],
  ['/api/agent-harnesses', { kind: 'agent-harnesses' }],
  ['/api/telemetry/gradio/initiated', { kind: 'telemetry' }],
  ['/-/healthz', { kind: 'healthz' }],
  ['/-/readyz?x', { kind: 'readyz' }],
  ['/-/api/status', { kind: 'status' }],
  ['/-/api/nothing', { kind: 'unknown' }],
  ['/o/n.git/info/refs?service=git-upload-pack', { kind: 'git' }],
  ['/datasets/o/n/info/refs?service=git-upload-pack', { kind: 'git' }],
  ['/n/git-upload-pack', { kind: 'git' }],
  ['/o/n.git/info/lfs/locks/verify', { kind: 'git' }],
  ['/o/n/x/info/lfs/objects/batch', { kind: 'no-repo' }],
  ['/info/lfs/objects/batch', { kind: 'no-repo' }],
  ['/ipfs/bafk?format=raw', { kind: 'ipfs', cid: 'bafk', rest: [] }],
  ['/ipfs', { kind: 'ipfs', cid: '', rest: [] }],
  ['/kernels/o/n/resolve/main/x', { kind: 'no-repo' }],
  ['/api/buckets/o/n', { kind: 'no-repo' }],
  ['/api/models/o--p/n', { kind: 'no-repo' }],
  ['/api/models/..%2F..%2Fetc/passwd', { kind: 'no-repo' }],
  ['/o/%00/resolve/main/x', { kind: 'no-repo' }],
  ['/', { kind: 'unknown' }],
  ['//', { kind: 'unknown' }],
  ['/api', { kind: 'unknown' }],
  ['/api/', { kind: 'unknown' }],
  ['/api/constructor', { kind: 'unknown' }],
  ['/api/models/o/n/toString/x', { kind: 'unknown' }],
  ['/api/resolve-cache/models/o/n/x', { kind: 'unknown' }],
  ['/o/n', { kind: 'unknown' }],
  ['/o/n/resolve/main', { kind: 'unknown' }],
  ['*', { kind: 'unknown' }],
  ['', { kind: 'unknown' }],
]

describe('parseRoute', () => {
  it.each(REPO_ROUTES)('%s is %s of %s', (target, kind, repo, rest) => {
    const route = parseRoute(target)
    expect('repo' in route ? `${route.repo.type}:${route.repo.id}` : undefined).toBe(repo)
    expect(route).toMatchObject({ kind, rest })
  })

  it.each(OTHER_ROUTES)('%s is %o', (target, route) => expect(parseRoute(target)).toEqual(route))
})

describe('short names', () => {
  const names = new Map([['model:short', { type: 'model', id: 'o/n' }]] as const)
  it.each([
    ['/models/short/a/b.bin', 'plain', ['a', 'b.bin']],
    ['/models/short/SHA256SUMS', 'sums', []],
    ['/models/short/dir/SHA256SUMS', 'plain', ['dir', 'SHA256SUMS']],
    ['/models/short/check-update', 'check-update', []],
    ['/-/api/repos/models/short/check-update', 'check-update', []],
    ['/short/resolve/main/x', 'resolve', ['main', 'x']],
    ['/api/models/short/tree/main', 'tree', ['main']],
  ])('%s', (target, kind, rest) =>
    expect(parseRoute(target, names)).toMatchObject({ kind, rest, repo: { type: 'model', id: 'o/n' } }),
  )

  it('is of its own type', () =>
    expect(parseRoute('/datasets/short/a/b.bin', names)).toMatchObject({ repo: { type: 'dataset', id: 'short/a' } }))
})

describe('decodeOnce', () => {
  it.each([
    ['a%20b', 'a b'],
    ['a+b', 'a+b'],
    ['100%.txt', '100%.txt'],
    ['100%%20%E6%97%A5.txt', '100% 日.txt'],
    ['%2520', '%20'],
    ['%FF%FE', '%FF%FE'],
    ['%e6%97%a5%FF', '%e6%97%a5%FF'],
    ['%C0%AF', '%C0%AF'],
    ['日本', '日本'],
    ['%zz%2', '%zz%2'],
  ])('%s -> %s', (segment, decoded) => expect(decodeOnce(segment)).toBe(decoded))
})

describe('revisionSplits', () => {
  it.each([
    [['main'], 0, ['main|']],
    [['main', 'a', 'b'], 1, ['main|a/b', 'main/a|b']],
    [['refs%2Fpr%2F1', 'x'], 1, ['refs/pr/1|x']],
    [['refs', 'pr', '1'], 0, ['refs/pr/1|', 'refs/pr|1', 'refs|pr/1']],
    [['refs', 'pr', '1', 'd'], 0, ['refs/pr/1|d', 'refs/pr|1/d', 'refs|pr/1/d']],
    [['main', 'a%2Fb', ''], 0, ['main|a/b', 'main/a/b|', 'main/a/b/|']],
    [['main'], 1, []],
  ] as const)('%j', (segments, minPath, expected) =>
    expect(Array.from(revisionSplits(segments, minPath), ({ revision, path }) => `${revision}|${path}`)).toEqual(
      expected,
    ),
  )
})

describe('querySuffix', () => {
  it.each([
    ['/a?b=c#d', 'b=c'],
    ['/a', ''],
    ['/a#b?c', ''],
  ])('%s -> %s', (target, query) => expect(querySuffix(target)).toBe(query))
})
