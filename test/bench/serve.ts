import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Served {
  readonly url: string
  readonly pid: number
  stop(): void
}

/** A server of this folder in a process of its own. It prints its URL first. */
export const startServer = async (script: string, ...args: readonly string[]): Promise<Served> => {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { value: url, done } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  if (done === true) throw new Error(`${script} did not start`)
  return { url, pid: child.pid ?? 0, stop: () => void child.kill() }
}
