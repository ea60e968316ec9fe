import { open, readFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_AGAIN_MS = 200

/**
 * A lock between processes: a file that holds its owner's process id. One whose owner is gone is taken over.
 * @throws the signal's reason, when the lock is not free before that
 */
export const acquireLock = async (path: string, signal: AbortSignal): Promise<AsyncDisposable> => {
  while (!(await tryLock(path))) {
    await removeStale(path)
    await sleep(LOOK_AGAIN_MS, undefined, { signal })
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) }
}

const tryLock = async (path: string): Promise<boolean> => {
  try {
    await using file = await open(path, 'wx')
    await file.write(String(process.pid))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

const removeStale = async (path: string): Promise<void> => {
  const owner = Number(await readFile(path, 'utf8').catch(() => '')) // gone meanwhile, or not yet written
  if (owner > 0 && !isRunning(owner)) await rm(path, { force: true })
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // there, but another user's
  }
}
