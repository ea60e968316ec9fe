import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestContext } from 'vitest'
import { clientHome } from './client-home.ts'
import { run } from './run.ts'

/** Someone who has nothing yet but `HF_ENDPOINT`, and runs the scripts of these folders. */
export interface ScriptUser {
  /** Home, cache and working folder. */
  readonly home: string
  /** Runs a script of this folder: Python, sh or JavaScript. @returns what it printed */
  script(name: string, ...args: string[]): Promise<string>
  /** Runs a program. @returns what it printed */
  program(name: string, ...args: string[]): Promise<string>
}

const INTERPRETERS: Readonly<Record<string, string>> = { '.py': 'python', '.sh': 'sh', '.mjs': process.execPath }

export interface ScriptUserOptions {
  /** A folder of programs that come before the machine's own. */
  readonly bin?: string
  readonly env?: Readonly<Record<string, string>>
}

export const scriptUser = async (
  context: TestContext,
  endpoint: string,
  { bin, env: more = {} }: ScriptUserOptions = {},
): Promise<ScriptUser> => {
  const { home, env } = await clientHome(context)
  const path = bin === undefined ? {} : { PATH: `${bin}:${env['PATH'] ?? ''}` }
  const options = { signal: context.signal, cwd: home, env: { ...env, ...path, ...more, HF_ENDPOINT: endpoint } }
  return {
    home,
    script: (name, ...args) => {
      const interpreter = INTERPRETERS[extname(name)]
      if (interpreter === undefined) throw new Error(`nothing here runs ${name}`)
      return run(interpreter, [fileURLToPath(new URL(name, import.meta.url)), ...args], options)
    },
    program: (name, ...args) => run(name, args, options),
  }
}
