import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Scratch extends AsyncDisposable {
  readonly folder: string
}

/** A folder that is gone afterwards, also when the process exits in the middle. */
export const createScratch = async (): Promise<Scratch> => {
  const folder = await mkdtemp(join(tmpdir(), 'hubmesh-swarm-'))
  const keep = removeAtExit(folder)
  return {
    folder,
    [Symbol.asyncDispose]: async () => {
      keep()
      remove(folder)
    },
  }
}

/** Those who write there have to be killed by an earlier `exit` listener. Calling what is returned takes it back. */
export const removeAtExit = (folder: string): (() => void) => {
  const onExit = (): void => remove(folder)
  process.once('exit', onExit)
  return () => process.off('exit', onExit)
}

/** Whoever was killed just now may still finish a write. */
const remove = (folder: string): void =>
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
