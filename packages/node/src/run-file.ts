import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { MeshError } from '@hubmesh/content/errors'
import { readSmallFile, replaceFile } from './files.ts'

/** What a running node says of itself in `run.json`; the other commands find it by this. */
export interface RunInfo {
  readonly pid: number
  /** `http://127.0.0.1:8642` */
  readonly gateway: string
  readonly peerId: string
  /** Multiaddrs with `/p2p/<peer id>`. */
  readonly addresses: readonly string[]
  /** Path of the control socket. */
  readonly control: string
}

/** A node that lives answers a connect at once: the socket is on this machine. */
const CONNECT_TIMEOUT_MS = 1000

export const writeRunFile = (home: string, info: RunInfo): Promise<void> =>
  replaceFile(runPath(home), `${JSON.stringify(info)}\n`, 0o600)

export const removeRunFile = (home: string): Promise<void> => rm(runPath(home), { force: true })

/**
 * The node that runs in this home now; undefined where none does. What a dead one left behind counts as none, also when
 * its process id belongs to another program by now.
 * @throws MeshError `io` when run.json is there but cannot be read
 */
export const findRunningNode = async (home: string): Promise<RunInfo | undefined> => {
  const info = await readRunFile(home)
  return info !== undefined && isAlive(info.pid) && (await accepts(info.control)) ? info : undefined
}

/** @throws MeshError `busy` when a node runs in this home */
export const refuseSecondNode = async (home: string): Promise<void> => {
  const running = await findRunningNode(home)
  if (running === undefined) return
  throw new MeshError('busy', `a node is already running in this home (process ${running.pid}, ${running.gateway})`, {
    hint: 'stop it first, or start another one in a home of its own with --home',
  })
}

const readRunFile = async (home: string): Promise<RunInfo | undefined> => {
  let text: string | undefined
  try {
    text = await readSmallFile(runPath(home))
  } catch (cause) {
    throw new MeshError('io', `${runPath(home)} cannot be read`, {
      hint: 'run this as the user who started the node, or name its home with --home',
      cause,
    })
  }
  return text === undefined ? undefined : parseRunInfo(text)
}

/** By hand, not by a schema: commands that ask the running node load nothing that they can do without. */
const parseRunInfo = (text: string): RunInfo | undefined => {
  let value: Partial<RunInfo>
  try {
    value = JSON.parse(text) as Partial<RunInfo>
  } catch {
    return undefined // it is written by rename, so this is no node's: as good as none
  }
  const { pid, gateway, peerId, addresses, control } = value ?? {}
  const valid =
    Number.isSafeInteger(pid) &&
    [gateway, peerId, control].every((field) => typeof field === 'string') &&
    Array.isArray(addresses) &&
    addresses.every((address) => typeof address === 'string')
  return valid ? (value as RunInfo) : undefined
}

const isAlive = (pid: number): boolean => {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM' // it lives, and is another user's
  }
}

const accepts = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    const settle = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => settle(false))
    socket.on('connect', () => settle(true))
    socket.on('error', () => settle(false))
  })

const runPath = (home: string): string => join(home, 'run.json')
