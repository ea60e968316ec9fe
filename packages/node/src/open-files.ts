import { readFile } from 'node:fs/promises'
import type { Log } from '@hubmesh/content'

/** How many of each may be there at a time, so that there are always files left for the others. */
export interface Connections {
  readonly peers: number
  /** Each has a file of the store open while it reads. */
  readonly readers: number
}

const MOST: Connections = { peers: 1000, readers: 2048 }
/** For the store and what it serves to peers, the indexes, and the rest of the process. */
const RESERVED = 320

/** Shares out the files that this process may have open: who connects must not take those that the store needs. */
export const shareOpenFiles = (limit: number): Connections => {
  const share = Math.floor((limit - Math.min(RESERVED, limit / 2)) / 3)
  return { peers: Math.min(MOST.peers, share), readers: Math.min(MOST.readers, share) }
}

/** Files that this process may have open; Infinity where the system does not say. Node has raised it as far as it may. */
export const openFilesLimit = async (): Promise<number> => {
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '') // Linux alone has it
  const [, soft] = /^Max open files\s+(\d+)/m.exec(text) ?? []
  return soft === undefined ? Infinity : Number(soft)
}

/** What `openFilesLimit` allows; says in the log when that is less than a node would take. */
export const allowedConnections = async (log: Log): Promise<Connections> => {
  const limit = await openFilesLimit()
  const allowed = shareOpenFiles(limit)
  if (allowed.peers < MOST.peers)
    log.warn({ openFiles: limit, ...allowed }, 'few files may be open: fewer connections are taken; raise `ulimit -n`')
  return allowed
}
