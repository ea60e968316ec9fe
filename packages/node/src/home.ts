import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { access, chmod, lstat, readdir } from 'node:fs/promises'
import { homedir, tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { MeshError } from '@hubmesh/content/errors'
import { hasErrno, makeFolder } from './files.ts'

const PRIVATE_FOLDER = 0o700
const OTHERS = 0o077
/** The kernel takes 107 bytes (`sun_path`, unix(7)); macOS 103. */
const MAX_SOCKET_PATH_BYTES = 100

/** Where a node keeps all that it has: `--home`, `HUBMESH_HOME`, `$XDG_DATA_HOME/hubmesh`, or `~/.hubmesh`. */
export const homeFolder = (flag?: string, env: NodeJS.ProcessEnv = process.env): string => {
  const named = flag ?? (env['HUBMESH_HOME'] || undefined)
  if (named !== undefined) return resolve(named)
  const data = env['XDG_DATA_HOME']
  return data ? resolve(data, 'hubmesh') : join(homedir(), '.hubmesh')
}

/**
 * Makes the home, readable by its owner alone. A folder that was there is closed to others only when it is a home
 * already, or empty: `--home /tmp` must not lock everybody out of it.
 * @throws MeshError `io` when it cannot be made or written
 */
export const prepareHome = async (home: string): Promise<void> => {
  try {
    await makeFolder(home, PRIVATE_FOLDER)
    const names = await readdir(home)
    if (names.length === 0 || names.includes('identity.key')) await closeToOthers(home)
    await access(home, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    const why = hasErrno(cause, 'EEXIST', 'ENOTDIR') ? 'there is a file in its place' : errnoText(cause)
    throw new MeshError('io', `the home ${home} cannot be used: ${why}`, {
      hint: 'name a folder that you may write to with --home',
      cause,
    })
  }
}

/**
 * The path of the control socket: in the home, or where that is too long for a socket, in a private folder of the
 * runtime folder, under a name made of the home's.
 * @throws MeshError `io` when that folder is not private, or the path is too long there too
 */
export const controlSocketPath = async (home: string, env: NodeJS.ProcessEnv = process.env): Promise<string> => {
  const near = join(home, 'control.sock')
  if (Buffer.byteLength(near) <= MAX_SOCKET_PATH_BYTES) return near
  const folder = await runtimeFolder(env)
  return join(folder, `${createHash('sha256').update(home).digest('hex').slice(0, 16)}.sock`)
}

const runtimeFolder = async (env: NodeJS.ProcessEnv): Promise<string> => {
  const base = env['XDG_RUNTIME_DIR'] || tmpdir()
  const folder = join(base, `hubmesh-${userInfo().uid}`)
  try {
    await makeFolder(folder, PRIVATE_FOLDER)
    const stats = await lstat(folder) // not stat: somebody may have left a link to a folder of theirs
    if (!stats.isDirectory() || stats.uid !== process.getuid?.()) throw new Error('it belongs to somebody else')
    await closeToOthers(folder)
    if (Buffer.byteLength(folder) > MAX_SOCKET_PATH_BYTES - 22) throw new Error('its path is too long for a socket')
    return folder
  } catch (cause) {
    throw new MeshError('io', `no control socket can be made in ${folder}: ${errnoText(cause)}`, {
      hint: 'choose a home with a shorter path, or set XDG_RUNTIME_DIR',
      cause,
    })
  }
}

const closeToOthers = async (folder: string): Promise<void> => {
  const { mode } = await lstat(folder)
  if ((mode & OTHERS) !== 0) await chmod(folder, PRIVATE_FOLDER)
}

const errnoText = (error: unknown): string => {
  if (hasErrno(error, 'EACCES', 'EPERM')) return 'permission denied'
  if (hasErrno(error, 'EROFS')) return 'the file system is read-only'
  if (hasErrno(error, 'ENOENT')) return 'it cannot be created there'
  return error instanceof Error ? error.message : String(error)
}
