import { copyFile, symlink } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestContext } from 'vitest'
import { clientHome } from './client-home.ts'
import { run } from './run.ts'

/** Someone who has nothing yet but `HF_ENDPOINT`, and runs copies of the scripts of these folders. */
export interface ScriptUser {
  /** Home, cache and working folder. */
  readonly home: string
  /** Runs a script: Python, sh or JavaScript. @returns what it printed */
  script(name: string, ...args: string[]): Promise<string>
  /** Runs a script whose last line is JSON. */
  ask(name: string, ...args: string[]): Promise<unknown>
  /** Runs a program. @returns what it printed */
  program(name: string, ...args: string[]): Promise<string>
}

export interface ScriptUserOptions {
  /** A folder of programs that come before the machine's own. */
  readonly bin?: string
  /** Packages for JavaScript. */
  readonly modules?: string
  readonly env?: Readonly<Record<string, string>>
}

const INTERPRETERS: Readonly<Record<string, string>> = { '.py': 'python', '.sh': 'sh', '.mjs': process.execPath }

export const scriptUser = async (
  context: TestContext,
  endpoint: string,
  { bin, modules, env: more = {} }: ScriptUserOptions = {},
): Promise<ScriptUser> => {
  const { home, env } = await clientHome(context)
  if (modules !== undefined) await symlink(modules, join(home, 'node_modules'))
  const path = bin === undefined ? {} : { PATH: `${bin}:${env['PATH'] ?? ''}` }
  const options = { signal: context.signal, cwd: home, env: { ...env, ...path, ...more, HF_ENDPOINT: endpoint } }
  const script = async (name: string, ...args: string[]): Promise<string> => {
    const interpreter = INTERPRETERS[extname(name)]
    if (interpreter === undefined) throw new Error(`nothing here runs ${name}`)
    await copyFile(fileURLToPath(new URL(name, import.meta.url)), join(home, basename(name)))
    return run(interpreter, [basename(name), ...args], options)
  }
  return {
    home,
    script,
    ask: async (name, ...args) => JSON.parse((await script(name, ...args)).trim().split('\n').at(-1) ?? '') as unknown,
    program: (name, ...args) => run(name, args, options),
  }
}
