import { chmod, mkdir, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { controlSocketPath, homeFolder, prepareHome } from '../src/home.ts'
import { findRunningNode, refuseSecondNode, removeRunFile, writeRunFile } from '../src/run-file.ts'
import { useTempHome } from './temp-home.ts'

const home = useTempHome()
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777

describe('the home', () => {
  it('is the flag, HUBMESH_HOME, the data folder, or ~/.hubmesh', () => {
    expect(homeFolder('/a', { HUBMESH_HOME: '/b' })).toBe('/a')
    expect(homeFolder(undefined, { HUBMESH_HOME: '/b', XDG_DATA_HOME: '/c' })).toBe('/b')
    expect(homeFolder(undefined, { XDG_DATA_HOME: '/c' })).toBe('/c/hubmesh')
    expect(homeFolder(undefined, {})).toMatch(/\/\.hubmesh$/)
  })

  it('is made for its owner alone, and closed to others where it was open', async () => {
    const path = join(home.path, 'a', 'b')
    await prepareHome(path)
    expect(await modeOf(path)).toBe(0o700)
    await writeFile(join(path, 'identity.key'), '')
    await chmod(path, 0o755)
    await prepareHome(path)
    expect(await modeOf(path)).toBe(0o700)
  })

  it('leaves a folder of other things open', async () => {
    await writeFile(join(home.path, 'notes.txt'), '')
    await chmod(home.path, 0o755)
    await prepareHome(home.path)
    expect(await modeOf(home.path)).toBe(0o755)
  })

  it('says so when a file is in its place, or it cannot be made', async () => {
    const file = join(home.path, 'file')
    await writeFile(file, '')
    for (const path of [file, join(file, 'below'), '/proc/hubmesh'])
      await expect(prepareHome(path)).rejects.toMatchObject({ code: 'io', hint: expect.stringContaining('--home') })
  })
})

describe('the control socket', () => {
  it('stands in the home, or where that is too long, in a private folder elsewhere', async () => {
    expect(await controlSocketPath('/h')).toBe('/h/control.sock')
    const long = join(home.path, 'x'.repeat(100))
    const path = await controlSocketPath(long, { XDG_RUNTIME_DIR: home.path })
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100)
    expect(await modeOf(join(path, '..'))).toBe(0o700)
    expect(await controlSocketPath(long, { XDG_RUNTIME_DIR: home.path })).toBe(path)
    expect(await controlSocketPath(`${long}y`, { XDG_RUNTIME_DIR: home.path })).not.toBe(path)
  })

  it('does not follow a link that somebody left', async () => {
    await mkdir(join(home.path, 'theirs'))
    await symlink(join(home.path, 'theirs'), join(home.path, `hubmesh-${process.getuid?.()}`))
    await expect(controlSocketPath('x'.repeat(101), { XDG_RUNTIME_DIR: home.path })).rejects.toMatchObject({
      code: 'io',
    })
  })
})

describe('run.json', () => {
  const server = createServer()
  afterEach(() => server.close())
  const listen = (path: string): Promise<void> => new Promise((resolve) => server.listen(path, resolve))
  const info = (control: string, pid = process.pid) => ({
    pid,
    gateway: 'http://127.0.0.1:1',
    peerId: 'p',
    addresses: ['/ip4/127.0.0.1/tcp/1/p2p/p'],
    control,
  })

  it('finds the node that runs, and a second one is refused', async () => {
    const control = join(home.path, 'control.sock')
    await listen(control)
    await writeRunFile(home.path, info(control))
    expect(await modeOf(join(home.path, 'run.json'))).toBe(0o600)
    expect(await findRunningNode(home.path)).toEqual(info(control))
    await expect(refuseSecondNode(home.path)).rejects.toMatchObject({ code: 'busy', hint: expect.any(String) })
    await removeRunFile(home.path)
    expect(await findRunningNode(home.path)).toBeUndefined()
  })

  it('of a dead process counts for nothing, nor of a process id that another program has now', async () => {
    await writeRunFile(home.path, info(join(home.path, 'gone.sock')))
    expect(await findRunningNode(home.path)).toBeUndefined()
    const control = join(home.path, 'control.sock')
    await listen(control)
    await writeRunFile(home.path, info(control, 2 ** 22 + 1)) // over the kernel's highest process id
    expect(await findRunningNode(home.path)).toBeUndefined()
    await refuseSecondNode(home.path)
  })

  it('that is not ours counts for nothing', async () => {
    for (const text of ['', '{', 'null', '[]', '{"pid":"1"}']) {
      await writeFile(join(home.path, 'run.json'), text)
      expect(await findRunningNode(home.path)).toBeUndefined()
    }
  })
})
