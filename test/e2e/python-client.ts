import type { TestContext } from 'vitest'
import { type ClientSet, clients } from './clients.ts'
import { type ScriptUser, scriptUser } from './script-user.ts'

/** A user of the Hub's Python libraries, with a home and cache of their own. */
export interface PythonClient extends ScriptUser {
  /** Runs a script of this folder that prints JSON in its last line. */
  ask(name: string, ...args: string[]): Promise<unknown>
  /** Runs the `hf` command. @returns its output */
  hf(...args: string[]): Promise<string>
  /** The folder of a snapshot in its cache. */
  snapshot(repo: string, commit: string): string
}

/** So that the tests need nobody outside; users need none of these. */
const UNDISTURBED = {
  HF_HUB_DISABLE_TELEMETRY: '1',
  HF_HUB_DISABLE_UPDATE_CHECK: '1',
  HF_HUB_DISABLE_PROGRESS_BARS: '1',
  HF_UPDATE_DOWNLOAD_COUNTS: '0',
}

/** A client of `endpoint`. The test is skipped, loudly, where it cannot be installed (see `clients`). */
export const pythonClient = async (context: TestContext, set: ClientSet, endpoint: string): Promise<PythonClient> => {
  const { bin } = await clients(context, set)
  const user = await scriptUser(context, endpoint, { bin, env: UNDISTURBED })
  return {
    ...user,
    ask: async (name, ...args) =>
      JSON.parse((await user.script(name, ...args)).trim().split('\n').at(-1) ?? '') as unknown,
    hf: (...args) => user.program('hf', ...args),
    snapshot: (repo, commit) => {
      const [type, id] = typeAndId(repo)
      return `${user.home}/.cache/huggingface/hub/${type}s--${id.replace('/', '--')}/snapshots/${commit}`
    },
  }
}

/** What a Python script takes for a repo: its type, then its id. */
export const typeAndId = (repo: string): [type: string, id: string] => {
  const [, type = 'model', id = repo] = /^(\w+):(.+)$/.exec(repo) ?? []
  return [type, id]
}
