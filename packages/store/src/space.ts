import { statfs } from 'node:fs/promises'
import { type Log, MIB } from '@hubmesh/content'
import { noSpace, onDisk } from './disk.ts'

/**
 * Bytes of the disk that are never filled with content: the index must still be able to write its log, since a failed
 * write there would stop it until the next start.
 */
const RESERVED_BYTES = 32 * MIB
/** Others write to the disk too: a figure older than this is looked up again. */
const FRESH_MS = 1000

export interface Space {
  /** Asks for room before bytes are written. @throws MeshError `no-space`, `io` when nobody can tell */
  claim(bytes: number): Promise<void>
}

export const createSpace = ({ log }: { log: Log }, { home }: { home: string }): Space => {
  let available = 0
  let lookedAt = -Infinity
  let looking: Promise<void> | undefined
  let full = false

  const look = async (): Promise<void> => {
    try {
      const { bavail, bsize } = await onDisk('the disk cannot be asked for its space', () => statfs(home))
      available = bavail * bsize
      lookedAt = performance.now()
    } finally {
      looking = undefined
    }
  }

  return {
    claim: async (bytes) => {
      const isFresh = performance.now() - lookedAt < FRESH_MS
      if (!isFresh || available - bytes < RESERVED_BYTES) await (looking ??= look())
      const refused = available - bytes < RESERVED_BYTES
      if (refused !== full) {
        full = refused
        if (full) log.error({ available }, 'no space is left: nothing is stored until there is, reads go on')
        else log.info({ available }, 'there is space again')
      }
      if (refused) throw noSpace()
      available -= bytes
    },
  }
}
