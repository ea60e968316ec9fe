/** Networks of one's own: `npx -y pnpm@12 test:network`. Apart from the default tests, since it takes minutes. */
import { suite } from '../vitest.suite.ts'

export default suite({ name: 'network', include: ['test/network/**/*.test.ts'] })
