import { join } from 'node:path'
import { prepareEnvironment } from './environment.ts'
import { run } from './run.ts'

const PIP_OPTIONS = ['--quiet', '--no-input', '--disable-pip-version-check', '--retries', '1', '--only-binary', ':all:']

/**
 * A virtual environment with exactly these requirements.
 * @returns its folder of programs: `python`, `hf`
 * @throws Error saying what is missing: python3, its venv module, or a package that pip does not find
 */
export const preparePython = async (requirements: readonly string[], signal: AbortSignal): Promise<string> => {
  const bin = (folder: string): string => join(folder, 'bin')
  const folder = await prepareEnvironment(requirements, signal, async (folder, signal) => {
    await run('python3', ['-m', 'venv', folder], { signal })
    await run(join(bin(folder), 'python'), ['-m', 'pip', 'install', ...PIP_OPTIONS, ...requirements], { signal })
  })
  return bin(folder)
}
