/** The matrix of public clients: `npx -y pnpm@12 test:clients`. Apart from the default tests, since it takes minutes. */
import { suite } from '../vitest.suite.ts'
import { matrixReporter } from './matrix/reporter.ts'

export default suite({
  name: 'clients',
  include: ['test/e2e/*/*.test.ts'],
  reporters: ['default', matrixReporter()],
})
