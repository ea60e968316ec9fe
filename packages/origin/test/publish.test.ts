import { execFile } from 'node:child_process'
import { mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type PublishResult, decodeHistory, isFile, sha256Of } from '@hubmesh/content'
import { type SampleHub, createSampleHub, pseudoRandom } from '@hubmesh/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Folder, createFolder } from './folder.ts'
import { type Room, createRoom, readBlob, refOf } from './room.ts'

let hub: SampleHub
let room: Room
let folder: Folder
let stack: AsyncDisposableStack

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  hub = stack.use(await createSampleHub())
  room = stack.use(await createRoom(hub.url))
  folder = stack.use(await createFolder())
})
afterEach(() => stack.disposeAsync())

const publish = (name = 'acme/voice', { ref = 'main', message = 'Publish' } = {}): Promise<PublishResult> =>
  room.origin.publish(
    { directory: folder.path, repo: refOf(name), ref, message },
    { signal: new AbortController().signal },
  )

describe('publishing a folder', () => {
  test('offers its files, with the commit that git would make', async () => {
    const big = pseudoRandom('big', 700_000)
    await folder.write({
      'README.md': '# Voice\n',
      'weights/model.safetensors': big,
      'notes.txt': Buffer.from(pseudoRandom('text', 300_000)),
      'empty.bin': '',
      '.hidden/file': 'hidden',
      '.git/HEAD': 'ref: x',
      'sub/.git': 'gitdir: x',
      '.cache/huggingface/x': 'x',
      '.cache/other': 'kept',
    })
    const result = await publish()
    const { manifest, entries } = await room.revision('acme/voice')
    expect(result).toEqual({ revision: manifest.revision, files: 6, bytes: expect.any(Number) })
    const files = entries.filter(isFile)
    expect(files.map(({ path }) => path)).toEqual([
      '.cache/other',
      '.hidden/file',
      'README.md',
      'empty.bin',
      'notes.txt',
      'weights/model.safetensors',
    ])
    const model = files.find(({ path }) => path.endsWith('safetensors'))!
    expect(model.lfs).toEqual({ oid: sha256Of(big), size: big.length, pointerSize: expect.any(Number) })
    expect((await readBlob(room, model)).equals(big)).toBe(true)
    expect(files.filter(({ lfs }) => lfs !== undefined)).toEqual([model])
    expect(manifest.info).toMatchObject({ id: 'acme/voice', sha: manifest.revision, private: false, gated: false })
    expect(manifest.commit).toMatchObject({ title: 'Publish', authors: [{ user: room.signer.publisher }] })
    expect(manifest.upstream).toBe('publish')
    expect(await room.offer('acme/voice')).toMatchObject({ defaultBranch: 'main' })
    expect(hub.requests).toHaveLength(0)

    // The root tree is git's: with what git itself would not take left out, and a pointer in the place of the LFS file.
    const twin = stack.use(await createFolder())
    for (const file of files) {
      const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${file.sha256}\nsize ${file.size}\n`
      await twin.write({ [file.path]: file.lfs === undefined ? await readBlob(room, file) : pointer })
    }
    const git = async (...args: string[]) =>
      (await promisify(execFile)('git', args, { cwd: twin.path, env: gitEnv(manifest) })).stdout.trim()
    await git('init', '-q')
    await git('add', '-f', '.')
    expect(await git('commit-tree', await git('write-tree'), '-m', 'Publish')).toBe(manifest.revision)
  })

  test('again with the same content, does nothing and says so', async () => {
    await folder.write({ 'a.txt': 'a', 'b/c.txt': 'c' })
    const first = await publish()
    const announced = room.announced.length
    expect(await publish()).toEqual({ ...first, unchanged: true })
    expect(room.announced).toHaveLength(announced)
    await folder.write({ 'b/c.txt': 'changed' })
    const second = await publish('acme/voice', { message: 'Second\n\nmore' })
    expect(second).not.toHaveProperty('unchanged')
    const { manifest } = await room.revision('acme/voice')
    expect(manifest).toMatchObject({ revision: second.revision, parent: first.revision })
    const offer = await room.offer('acme/voice')
    const history = decodeHistory((await room.blocks.get(offer!.history!['main']!))!.bytes)
    expect(history.map(({ id, title }) => [id, title])).toEqual([
      [second.revision, 'Second'],
      [first.revision, 'Publish'],
    ])
    expect(Object.keys(offer!.revisions).sort()).toEqual([first.revision, second.revision].sort())
  })

  test('under several refs', async () => {
    await folder.write({ 'a.txt': 'a' })
    await publish('dataset:acme/data', { ref: 'refs/tags/v1' })
    await publish('dataset:acme/data', { ref: 'refs/heads/dev' })
    const offer = await room.offer('dataset:acme/data')
    expect(Object.keys(offer!.refs).sort()).toEqual(['dev', 'refs/tags/v1'])
    expect(offer!.defaultBranch).toBe('dev')
  })
})

describe('what is refused', () => {
  test('refs, messages and folders that cannot be', async () => {
    await folder.write({ 'a.txt': 'a' })
    for (const ref of ['', 'a b', '../x', 'a'.repeat(40)])
      await expect(publish('acme/voice', { ref })).rejects.toMatchObject({ code: 'bad-input' })
    await expect(publish('acme/voice', { message: 'a\0b' })).rejects.toMatchObject({ code: 'bad-input' })
    const request = { repo: refOf('acme/voice'), ref: 'main', message: '' }
    for (const name of ['missing', 'a.txt', 'empty']) {
      const directory = join(folder.path, name)
      if (name === 'empty') await mkdir(directory)
      await expect(
        room.origin.publish({ ...request, directory }, { signal: new AbortController().signal }),
      ).rejects.toMatchObject({ code: 'bad-input', message: expect.stringContaining(name) })
    }
    expect(room.announced).toHaveLength(0)
  })

  test('links that lead out, to folders, or nowhere; a link to a file inside counts as that file', async () => {
    const outside = stack.use(await createFolder())
    await outside.write({ 'secret.txt': 'secret' })
    await folder.write({ 'a/real.txt': 'real' })
    await symlink('a/real.txt', join(folder.path, 'link.txt'))
    await publish()
    const { entries } = await room.revision('acme/voice')
    expect(entries.map(({ path }) => path)).toEqual(['a', 'a/real.txt', 'link.txt'])
    const link = join(folder.path, 'b-link')
    for (const target of [join(outside.path, 'secret.txt'), '../..', 'a', 'nowhere', 'b-link']) {
      await symlink(target, link)
      await expect(publish()).rejects.toMatchObject({ code: 'bad-input', message: expect.stringContaining('b-link') })
      await rm(link)
    }
  })

  test('a namespace is either one’s own or upstream’s', async () => {
    await folder.write({ 'a.txt': 'a' })
    await hub.addRepo('theirs/model', { files: { 'a.txt': 'theirs' } })
    await hub.addRepo('acme/voice', { files: { 'a.txt': 'not ours' } })
    await room.sync('theirs/model')
    await expect(publish('theirs/model')).rejects.toMatchObject({ code: 'bad-input' })
    await expect(publish('dataset:theirs/other')).rejects.toMatchObject({ code: 'bad-input' })
    const { revision } = await publish('acme/voice')
    hub.resetCounters()
    for (const name of ['acme/voice', 'acme/other'])
      await expect(room.sync(name)).rejects.toMatchObject({ code: 'repo-not-found' })
    expect(hub.requests).toHaveLength(0)
    expect((await room.offer('acme/voice'))?.refs['main']?.revision).toBe(revision)

    hub.renameRepo('theirs/model', 'acme/taken')
    await expect(room.sync('theirs/model')).rejects.toMatchObject({ code: 'repo-not-found' })
    expect(await room.offer('acme/taken')).toBeUndefined()
  })
})

const gitEnv = ({ commit }: { commit: { date: string } }): Record<string, string> => {
  const who = {
    NAME: room.signer.publisher,
    EMAIL: `${room.signer.publisher}@hubmesh.invalid`,
    DATE: `${Date.parse(commit.date) / 1000} +0000`,
  }
  const both = Object.entries(who).flatMap(([name, value]) => [
    [`GIT_AUTHOR_${name}`, value],
    [`GIT_COMMITTER_${name}`, value],
  ])
  return { PATH: process.env['PATH'] ?? '', GIT_CONFIG_GLOBAL: '/dev/null', ...Object.fromEntries(both) }
}
