import type { TestContext } from 'vitest'
import { prepareNode } from './node-environment.ts'
import { preparePython } from './python-environment.ts'

/** They still ask for huggingface_hub below 2, and go together, as most people have them. */
const WITH_TORCH = [
  'huggingface_hub==1.33.0',
  'transformers==5.18.0',
  'datasets==5.0.1',
  'safetensors',
  'torch==2.13.0',
] as const

/** The real Python clients that tests run, each set pinned and installed into an environment of its own. */
const PYTHON_SETS = {
  'huggingface_hub 2.0.0': ['huggingface_hub==2.0.0'],
  'huggingface_hub 1.33.0': ['huggingface_hub==1.33.0'],
  'transformers 5.18.0': WITH_TORCH,
  'datasets 5.0.1': WITH_TORCH,
} as const

/** Its runtimes take half a gigabyte: no devDependency, so that only those have it who run the matrix. */
const NODE_SETS = { '@huggingface/transformers 4.3.1': ['@huggingface/transformers@4.3.1'] } as const

export type PythonSet = keyof typeof PYTHON_SETS
export type NodeSet = keyof typeof NODE_SETS

/** Each as `name version`. */
export const PINNED_SETS: readonly string[] = [...Object.keys(PYTHON_SETS), ...Object.keys(NODE_SETS)]

/** The first run on a machine installs torch. */
export const FIRST_RUN_MS = 20 * 60_000

/** Set where a missing client is a failure: where a skipped test would go unseen. */
const REQUIRE_CLIENTS = 'HUBMESH_REQUIRE_CLIENTS'

const prepared = new Map<string, Promise<string>>()

/** The folder of programs of a set of Python clients; see `environmentOf`. */
export const pythonPrograms = (context: TestContext, set: PythonSet): Promise<string> =>
  environmentOf(context, set, () => preparePython(PYTHON_SETS[set], context.signal))

/** The `node_modules` of a set of clients; see `environmentOf`. */
export const nodeModules = (context: TestContext, set: NodeSet): Promise<string> =>
  environmentOf(context, set, () => prepareNode(NODE_SETS[set], context.signal))

/**
 * Made at the first call on a machine. Where that cannot be done, the test is skipped, loudly; with
 * `HUBMESH_REQUIRE_CLIENTS=1` it fails.
 */
const environmentOf = async (context: TestContext, set: string, prepare: () => Promise<string>): Promise<string> => {
  const preparing = prepared.get(set) ?? prepare()
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
