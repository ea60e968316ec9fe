/** The matrix of public clients: `npx -y pnpm@12 test:clients`. Apart from the default tests, since it takes minutes. */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { matrixReporter } from './matrix/reporter.ts'

const conditions = ['source', 'node', 'import', 'default']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: 'clients',
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/e2e/*/*.test.ts'],
    execArgv: ['--conditions=source'],
    testTimeout: 180_000,
    retry: Number(process.env['HUBMESH_RETRY'] ?? 0),
    hookTimeout: 180_000,
    fileParallelism: false,
    reporters: ['default', matrixReporter()],
  },
})
