import { createHash } from 'node:crypto'
import { chmod, link, lstat, mkdir, readFile, readdir, readlink, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BlobHandle, type FileEntry, asGitOid, asSha256 } from '@hubmesh/content'
import { beforeEach, describe, expect, it } from 'vitest'
import { placeFiles } from '../src/place.ts'
import { useTempHome } from './temp-home.ts'

const home = useTempHome()
const hashOf = (text: string) => asSha256(createHash('sha256').update(text).digest('hex'))
const entryOf = (path: string, text: string): FileEntry => ({
  path,
  size: text.length,
  oid: asGitOid('0'.repeat(40)),
  sha256: hashOf(text),
})

const store = (): string => join(home.path, 'store')
const to = (): string => join(home.path, 'to')
const open = async (sha256: string): Promise<BlobHandle | undefined> => {
  const path = join(store(), sha256)
  const stats = await lstat(path).catch(() => undefined)
  return stats && { path, size: stats.size, readInto: async () => 0, close: async () => {} }
}
const place = (entries: FileEntry[], copy = false) =>
  placeFiles(entries, { to: to(), copy, signal: new AbortController().signal, open })

beforeEach(async () => {
  await mkdir(store())
  for (const text of ['hello', 'world']) {
    await writeFile(join(store(), hashOf(text)), text)
    await chmod(join(store(), hashOf(text)), 0o444)
  }
})

describe('placing files', () => {
  it('gives each its path, sharing the disk space of the store, and again changes nothing', async () => {
    const entries = [entryOf('a/b/hello.txt', 'hello'), entryOf('world.txt', 'world'), entryOf('empty', '')]
    expect(await place(entries)).toEqual({ replaced: 0 })
    expect(await readFile(join(to(), 'a/b/hello.txt'), 'utf8')).toBe('hello')
    expect(await readFile(join(to(), 'world.txt'), 'utf8')).toBe('world')
    expect(await readFile(join(to(), 'empty'), 'utf8')).toBe('')
    const before = await lstat(join(to(), 'world.txt'))
    if (before.ino === (await lstat(join(store(), hashOf('world')))).ino) expect(before.mode & 0o222).toBe(0)
    expect(await place(entries)).toEqual({ replaced: 0 })
    expect((await lstat(join(to(), 'world.txt'))).ino).toBe(before.ino)
    expect((await readdir(to())).toSorted()).toEqual(['a', 'empty', 'world.txt'])
  })

  it('gives own copies, also in place of links that were there', async () => {
    await place([entryOf('f', 'hello')])
    await place([entryOf('f', 'hello')], true)
    const stats = await lstat(join(to(), 'f'))
    expect(stats.nlink).toBe(1)
    expect(stats.mode & 0o200).toBe(0o200)
    await writeFile(join(to(), 'f'), 'mine!')
    expect(await readFile(join(store(), hashOf('hello')), 'utf8')).toBe('hello')
  })

  it('replaces other content as a whole, says so, and never writes through a link', async () => {
    await mkdir(to())
    await writeFile(join(home.path, 'precious'), 'other')
    await link(join(home.path, 'precious'), join(to(), 'hard'))
    await symlink(join(home.path, 'precious'), join(to(), 'soft'))
    await writeFile(join(to(), 'same'), 'world')
    const entries = [entryOf('hard', 'hello'), entryOf('soft', 'hello'), entryOf('same', 'world')]
    expect(await place(entries)).toEqual({ replaced: 2 })
    expect(await readFile(join(home.path, 'precious'), 'utf8')).toBe('other')
    expect(await readFile(join(to(), 'hard'), 'utf8')).toBe('hello')
    expect((await lstat(join(to(), 'soft'))).isFile()).toBe(true)
  })

  it('follows no link out of the folder', async () => {
    await mkdir(to())
    await mkdir(join(home.path, 'outside'))
    await symlink(join(home.path, 'outside'), join(to(), 'sub'))
    await expect(place([entryOf('sub/f', 'hello')])).rejects.toMatchObject({ code: 'bad-input' })
    expect(await readdir(join(home.path, 'outside'))).toEqual([])
    expect(await readlink(join(to(), 'sub'))).toBe(join(home.path, 'outside'))
  })

  it('refuses a path out of the folder, and a folder in a file’s way', async () => {
    for (const path of ['../f', '/f', 'a/../../f', 'a\\b', ''])
      await expect(place([entryOf(path, 'hello')])).rejects.toMatchObject({ code: 'bad-input' })
    await mkdir(join(to(), 'f'), { recursive: true })
    await expect(place([entryOf('f', 'hello')])).rejects.toMatchObject({ code: 'bad-input' })
    await writeFile(join(to(), 'file'), '')
    await expect(place([entryOf('file/f', 'hello')])).rejects.toMatchObject({ code: 'bad-input' })
  })

  it('leaves what was there when the blob is not here', async () => {
    await mkdir(to())
    await writeFile(join(to(), 'f'), 'mine')
    await expect(place([entryOf('f', 'absent')])).rejects.toMatchObject({ code: 'not-ready' })
    expect(await readFile(join(to(), 'f'), 'utf8')).toBe('mine')
    expect(await readdir(to())).toEqual(['f'])
  })

  it('says so when a file stands where the folder should be', async () => {
    await writeFile(to(), '')
    await expect(place([entryOf('f', 'hello')])).rejects.toMatchObject({ code: 'io' })
  })
})
