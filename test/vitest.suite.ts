import { fileURLToPath } from 'node:url'
import { type TestUserConfig, type ViteUserConfig, defineConfig } from 'vitest/config'

const conditions = ['source', 'node', 'import', 'default']

/** Rooms are run from their sources. */
export const fromSources = { resolve: { conditions }, ssr: { resolve: { conditions } } }

const root = fileURLToPath(new URL('..', import.meta.url))

/** Tests of real processes, one file after another. */
export const system = {
  root,
  // Worker threads that the code under test starts inherit this, and so find the rooms' sources.
  execArgv: ['--conditions=source'],
  testTimeout: 180_000,
  hookTimeout: 180_000,
  /** Where a landing hangs on it, a test that waits for real processes on a busy machine may fail once; the report says so. */
  retry: Number(process.env['HUBMESH_RETRY'] ?? 0),
  fileParallelism: false,
} satisfies TestUserConfig

/** A suite with a command of its own. */
export const suite = (test: TestUserConfig): ViteUserConfig =>
  defineConfig({ ...fromSources, test: { ...system, ...test } })
