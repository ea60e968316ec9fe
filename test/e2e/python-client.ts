import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestContext } from 'vitest'
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
  const home = await mkdtemp(join(tmpdir(), 'hubmesh-hf-'))
  context.onTestFinished(() => rm(home, { recursive: true, force: true }))
  const options = { signal: context.signal, env: clientEnvironment(endpoint, home) }
  return {
    home,
    script: async (name, ...args) => {
      const path = fileURLToPath(new URL(name, import.meta.url))
      return (await run(python, [path, ...args], options)).trim().split('\n').at(-1) ?? ''
    },
    hf: (...args) => run(join(bin, 'hf'), args, options),
  }
}

/** Whatever could lead the client elsewhere, or give it a token or a cache of this machine. */
const PERSONAL = /^(?:HF_|HUGGING|TRANSFORMERS_|PYTHON|(?:https?|all)_proxy$)/i

const clientEnvironment = (endpoint: string, home: string): Record<string, string | undefined> => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !PERSONAL.test(name))),
  HOME: home,
  HF_HOME: home,
  HF_ENDPOINT: endpoint,
  HF_HUB_DISABLE_TELEMETRY: '1',
  HF_HUB_DISABLE_UPDATE_CHECK: '1',
  HF_HUB_DISABLE_PROGRESS_BARS: '1',
  HF_UPDATE_DOWNLOAD_COUNTS: '0',
})
