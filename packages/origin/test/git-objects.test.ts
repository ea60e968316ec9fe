import { execFile } from 'node:child_process'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { asGitOid, gitBlobOid, sha256Of } from '@hubmesh/content'
import { expect, test } from 'vitest'
import { hashCommit, hashTrees, lfsPointer, pointerOid } from '../src/publish/git-objects.ts'
import { createFolder } from './folder.ts'

const run = promisify(execFile)

/** The real git, told nothing by this machine's configuration. */
const git = async (cwd: string, args: string[], env: Record<string, string> = {}): Promise<string> => {
  const { stdout } = await run('git', args, {
    cwd,
    env: { PATH: process.env['PATH'], GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', ...env },
  })
  return stdout.trim()
}

const FILES = {
  'README.md': '# Hello\n',
  empty: '',
  // Names around the place where git sorts a folder as if it ended in a slash.
  'a-b/x': '1',
  'a/x': '2',
  'a/y/z': '3',
  'a.txt': '4',
  a0: '5',
  '模型/权重.json': '6',
  'with space/ü.txt': '7',
  '\u{1F600}': '8',
  '\uFF5E': '9',
  'run.sh': '#!/bin/sh\n',
}

test('blobs, trees and commits have the ids that git gives them', async () => {
  await using folder = await createFolder()
  await folder.write(FILES)
  await chmod(join(folder.path, 'run.sh'), 0o755)
  const cwd = folder.path
  await git(cwd, ['init', '-q'])
  await git(cwd, ['add', '.'])

  const files = Object.entries(FILES).map(([path, text]) => {
    return { path, oid: gitBlobOid(Buffer.from(text)), isExecutable: path === 'run.sh' }
  })
  for (const { path, oid } of files) expect(oid).toBe(await git(cwd, ['hash-object', path]))

  const { root, directories } = hashTrees(files)
  expect(root).toBe(await git(cwd, ['write-tree']))
  for (const { path, oid } of directories) expect(oid).toBe(await git(cwd, ['write-tree', `--prefix=${path}/`]))
  expect(directories.map(({ path }) => path).sort()).toEqual(['a', 'a-b', 'a/y', 'with space', '模型'])

  const date = new Date('2026-03-04T05:06:07.890Z')
  const who = { NAME: 'ann', EMAIL: 'ann@hubmesh.invalid', DATE: '1772600767 +0000' }
  const env = Object.fromEntries(
    Object.entries(who).flatMap(([name, value]) => [
      [`GIT_AUTHOR_${name}`, value],
      [`GIT_COMMITTER_${name}`, value],
    ]),
  )
  let parent: string | undefined
  for (const message of ['First', 'Second\n\nwith ünicode\n']) {
    const commit = hashCommit({
      tree: root,
      parent: parent === undefined ? undefined : asGitOid(parent),
      author: 'ann',
      date,
      message,
    })
    const parents = parent === undefined ? [] : ['-p', parent]
    expect(commit).toBe(await git(cwd, ['commit-tree', root, ...parents, '-m', message.trimEnd()], env))
    parent = commit
  }
})

test('an LFS pointer is what git-lfs writes', () => {
  const sha256 = sha256Of(Buffer.from('hello'))
  const text = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize 5\n`
  expect(Buffer.from(lfsPointer(sha256, 5)).toString()).toBe(text)
  expect(pointerOid(sha256, 5)).toEqual({ oid: gitBlobOid(Buffer.from(text)), pointerSize: text.length })
})

test('a path cannot be a file and a folder, nor a file twice', () => {
  const file = (path: string) => ({ path, oid: gitBlobOid(Buffer.from('x')), isExecutable: false })
  for (const paths of [
    ['a', 'a/b'],
    ['a/b', 'a'],
    ['a', 'a'],
  ])
    expect(() => hashTrees(paths.map(file))).toThrow(expect.objectContaining({ code: 'bad-input' }))
})
