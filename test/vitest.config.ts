import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('..', import.meta.url))
/** Where a landing hangs on it, a test that waits for real processes on a busy machine may fail once; the report says so. */
const retry = Number(process.env['HUBMESH_RETRY'] ?? 0)
const conditions = ['source', 'node', 'import', 'default']
const shared = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
}

export default defineConfig({
  test: {
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          root,
          include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/simulator/*.test.ts'],
          // Worker threads that the code under test starts inherit this, and so find the rooms' sources.
          execArgv: ['--conditions=source'],
          testTimeout: 30_000,
          retry,
          maxWorkers: 3, // many tests wait more than they compute
          expect: { poll: { timeout: 20_000 } },
        },
      },
      {
        ...shared,
        test: {
          name: 'system',
          root,
          include: ['test/integration/**/*.test.ts', 'test/e2e/*.test.ts', 'test/fuzz/**/*.test.ts'],
          execArgv: ['--conditions=source'],
          testTimeout: 180_000,
          retry,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
