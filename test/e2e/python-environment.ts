import { createHash } from 'node:crypto'
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { acquireLock } from './lock.ts'
import { run } from './run.ts'

/** An interpreter that has the wanted packages. */
export interface PythonEnvironment {
  readonly python: string
  /** Where its commands are: `hf`. */
  readonly bin: string
}

const ENVIRONMENTS = fileURLToPath(new URL('../.venvs/', import.meta.url))
/** Made last: an environment without it was broken off half-way. */
const READY = 'ready'
/** torch alone unpacks to over a gigabyte. */
const INSTALL_MS = 20 * 60_000
const PIP_OPTIONS = ['--quiet', '--no-input', '--disable-pip-version-check', '--retries', '1', '--only-binary', ':all:']

/**
 * A virtual environment with exactly these requirements, kept under `test/.venvs/` for later runs. Test files and runs that
 * need the same one wait for each other.
 * @throws Error saying what is missing: python3, its venv module, or a package that pip does not find
 */
export const preparePython = async (
  requirements: readonly string[],
  signal: AbortSignal,
): Promise<PythonEnvironment> => {
  const key = createHash('sha256').update(requirements.join('\n')).digest('hex').slice(0, 16)
  const folder = join(ENVIRONMENTS, key)
  const environment = { python: join(folder, 'bin', 'python'), bin: join(folder, 'bin') }
  if (await exists(join(folder, READY))) return environment

  await mkdir(ENVIRONMENTS, { recursive: true })
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(INSTALL_MS)])
  await using _lock = await acquireLock(`${folder}.lock`, deadline)
  if (await exists(join(folder, READY))) return environment // another made it meanwhile
  await rm(folder, { recursive: true, force: true })
  await run('python3', ['-m', 'venv', folder], { signal: deadline })
  await run(environment.python, ['-m', 'pip', 'install', ...PIP_OPTIONS, ...requirements], { signal: deadline })
  await writeFile(join(folder, READY), `${requirements.join('\n')}\n`)
  return environment
}

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined
