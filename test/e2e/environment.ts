import { createHash } from 'node:crypto'
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { acquireLock } from './lock.ts'

const ENVIRONMENTS = fileURLToPath(new URL('../.venvs/', import.meta.url))
/** Made last: an environment without it was broken off half-way. */
const READY = 'ready'
/** torch alone unpacks to over a gigabyte. */
const INSTALL_MS = 20 * 60_000

/**
 * A folder with exactly these packages, kept under `test/.venvs/` for later runs. Test files and runs that need the same one
 * wait for each other.
 * @throws what `install` throws
 */
export const prepareEnvironment = async (
  requirements: readonly string[],
  signal: AbortSignal,
  install: (folder: string, signal: AbortSignal) => Promise<void>,
): Promise<string> => {
  const key = createHash('sha256').update(requirements.join('\n')).digest('hex').slice(0, 16)
  const folder = join(ENVIRONMENTS, key)
  if (await exists(join(folder, READY))) return folder

  await mkdir(ENVIRONMENTS, { recursive: true })
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(INSTALL_MS)])
  await using _lock = await acquireLock(`${folder}.lock`, deadline)
  if (await exists(join(folder, READY))) return folder // another made it meanwhile
  await rm(folder, { recursive: true, force: true })
  await install(folder, deadline)
  await writeFile(join(folder, READY), `${requirements.join('\n')}\n`)
  return folder
}

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined
