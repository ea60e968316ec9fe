/** Networks of one's own, and many peers: `npx -y pnpm@12 test:network`. Apart from the default tests, since it takes a minute. */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const conditions = ['source', 'node', 'import', 'default']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: 'network',
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/network/**/*.test.ts'],
    execArgv: ['--conditions=source'],
    testTimeout: 180_000,
    retry: Number(process.env['HUBMESH_RETRY'] ?? 0),
    hookTimeout: 180_000,
    fileParallelism: false,
  },
})
