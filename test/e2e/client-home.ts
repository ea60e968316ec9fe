import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'vitest'

/** Where a client runs: as a user who has nothing yet. */
export interface ClientHome {
  /** Its home, empty at first, and gone after the test. */
  readonly home: string
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Whatever could lead a client elsewhere, or give it a token or a cache of this machine. */
const PERSONAL = /^(?:HF_|HUGGING|TRANSFORMERS_|PYTHON|XDG_|CURL_|WGETRC$|(?:https?|ftp|all|no)_proxy$)/i

export const clientHome = async (context: TestContext): Promise<ClientHome> => {
  const home = await mkdtemp(join(tmpdir(), 'hubmesh-client-'))
  context.onTestFinished(() => rm(home, { recursive: true, force: true }))
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !PERSONAL.test(name)))
  return { home, env: { ...env, HOME: home } }
}
