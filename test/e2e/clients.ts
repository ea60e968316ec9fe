import type { TestContext } from 'vitest'
import { type PythonEnvironment, preparePython } from './python-environment.ts'

/**
 * The real clients that tests run, each set pinned and installed into an environment of its own. transformers and datasets
 * still ask for huggingface_hub below 2.
 */
const CLIENT_SETS = {
  'huggingface_hub 2.0.0': ['huggingface_hub==2.0.0'],
  'huggingface_hub 1.33.0': ['huggingface_hub==1.33.0'],
  'transformers 5.18.0': [
    'huggingface_hub==1.33.0',
    'transformers==5.18.0',
    'datasets==5.0.1',
    'safetensors',
    'torch==2.13.0',
  ],
} as const

export type ClientSet = keyof typeof CLIENT_SETS

/** The first run on a machine installs torch. */
export const FIRST_RUN_MS = 20 * 60_000

/** Set where a missing client is a failure: where a skipped test would go unseen. */
const REQUIRE_CLIENTS = 'HUBMESH_REQUIRE_CLIENTS'

const prepared = new Map<ClientSet, Promise<PythonEnvironment>>()

/**
 * The environment of a set of clients, made at the first call on a machine. Where that cannot be done, the test is skipped,
 * loudly; with `HUBMESH_REQUIRE_CLIENTS=1` it fails.
 */
export const clients = async (context: TestContext, set: ClientSet): Promise<PythonEnvironment> => {
  const preparing = prepared.get(set) ?? preparePython(CLIENT_SETS[set], context.signal)
  prepared.set(set, preparing)
  try {
    return await preparing
  } catch (error) {
    return skipLoudly(context, `${set} cannot be installed here`, error)
  }
}

/**
 * Skips the test, and says so where it is seen.
 * @throws the error with `HUBMESH_REQUIRE_CLIENTS=1`
 */
export const skipLoudly = (context: TestContext, what: string, error: unknown): never => {
  if (process.env[REQUIRE_CLIENTS] === '1') throw error
  const reason = `${what}: ${error instanceof Error ? error.message : String(error)}`
  console.warn(`SKIPPED: ${context.task.name}: ${reason}`)
  return context.skip(reason)
}
