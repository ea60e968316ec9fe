import { defineConfig } from 'vitest/config'
import { fromSources, system } from './vitest.suite.ts'

export default defineConfig({
  test: {
    projects: [
      {
        ...fromSources,
        test: {
          name: 'unit',
          root: system.root,
          include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/simulator/*.test.ts'],
          execArgv: system.execArgv,
          testTimeout: 30_000,
          retry: system.retry,
          maxWorkers: 3, // many tests wait more than they compute
          expect: { poll: { timeout: 20_000 } },
        },
      },
      {
        ...fromSources,
        test: {
          ...system,
          name: 'system',
          include: ['test/integration/**/*.test.ts', 'test/e2e/*.test.ts', 'test/fuzz/**/*.test.ts'],
        },
      },
    ],
  },
})
