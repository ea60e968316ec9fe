import { execFileSync } from 'node:child_process'

/** Whether the program ends well with these arguments. */
export const isInstalled = (program: string, ...args: readonly string[]): boolean => {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
