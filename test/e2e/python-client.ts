import type { TestContext } from 'vitest'
import { type PythonSet, pythonPrograms } from './clients.ts'
import { type ScriptUser, scriptUser } from './script-user.ts'

/** A user of the Hub's Python libraries, with a home and cache of their own. */
export interface PythonClient extends ScriptUser {
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

/** A client of `endpoint`. The test is skipped, loudly, where it cannot be installed (see `clients.ts`). */
export const pythonClient = async (context: TestContext, set: PythonSet, endpoint: string): Promise<PythonClient> => {
  const bin = await pythonPrograms(context, set)
  const user = await scriptUser(context, endpoint, { bin, env: UNDISTURBED })
  return {
    ...user,
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
