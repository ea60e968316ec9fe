import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { prepareEnvironment } from './environment.ts'
import { run } from './run.ts'

const NPM_OPTIONS = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error']

/**
 * Packages of npm that are too large for the workspace, each as `name@version`.
 * @returns their `node_modules`
 * @throws Error saying what is missing: npm, or a package that it does not find
 */
export const prepareNode = async (requirements: readonly string[], signal: AbortSignal): Promise<string> => {
  const folder = await prepareEnvironment(requirements, signal, async (folder, signal) => {
    await mkdir(folder)
    await writeFile(join(folder, 'package.json'), '{ "private": true }\n')
    await run('npm', ['install', ...NPM_OPTIONS, ...requirements], { signal, cwd: folder })
  })
  return join(folder, 'node_modules')
}
