import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024
const SHOWN_CHARACTERS = 4000

export interface RunOptions {
  readonly signal: AbortSignal
  /** The whole environment. @default that of this process */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The folder that it runs in. @default that of this process */
  readonly cwd?: string
}

/**
 * Runs a program to its end.
 * @returns its output
 * @throws Error with the last that it said, when it is not there or ends with another code than 0
 */
export const run = async (program: string, args: readonly string[], options: RunOptions): Promise<string> => {
  try {
    const { stdout } = await execute(program, args, { env: process.env, maxBuffer: MAX_OUTPUT_BYTES, ...options })
    return stdout
  } catch (cause) {
    const { message, stdout = '', stderr = '' } = cause as Error & { stdout?: string; stderr?: string }
    const said = `${stdout}\n${stderr}`.trim() || message
    throw new Error(`${program} ${args[0] ?? ''} failed: ${said.slice(-SHOWN_CHARACTERS)}`, { cause })
  }
}
