import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestContext } from 'vitest'
import { clientHome } from './client-home.ts'
import { type ClientSet, clients } from './clients.ts'
import { run } from './run.ts'

/** A user of the Hub's Python libraries, with a home and cache of their own. */
export interface PythonClient {
  /** Runs a script of this folder. @returns the last line that it printed */
  script(name: string, ...args: string[]): Promise<string>
  /** Runs the `hf` command. @returns its output */
  hf(...args: string[]): Promise<string>
  /** Where it keeps its cache. */
  readonly home: string
}

/** A client of `endpoint`. The test is skipped, loudly, where it cannot be installed (see `clients`). */
export const pythonClient = async (context: TestContext, set: ClientSet, endpoint: string): Promise<PythonClient> => {
  const { python, bin } = await clients(context, set)
  const { home, env } = await clientHome(context)
  const options = { signal: context.signal, env: { ...env, ...hubSettings(endpoint, home) } }
  return {
    home,
    script: async (name, ...args) => {
      const path = fileURLToPath(new URL(name, import.meta.url))
      return (await run(python, [path, ...args], options)).trim().split('\n').at(-1) ?? ''
    },
    hf: (...args) => run(join(bin, 'hf'), args, options),
  }
}

const hubSettings = (endpoint: string, home: string): Record<string, string> => ({
  HF_HOME: home,
  HF_ENDPOINT: endpoint,
  HF_HUB_DISABLE_TELEMETRY: '1',
  HF_HUB_DISABLE_UPDATE_CHECK: '1',
  HF_HUB_DISABLE_PROGRESS_BARS: '1',
  HF_UPDATE_DOWNLOAD_COUNTS: '0',
})
