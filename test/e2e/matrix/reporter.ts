import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Reporter, TestModule, TestSpecification, Vitest } from 'vitest/node'
import { type MatrixResult, updatePage } from './page.ts'

const PAGE = fileURLToPath(new URL('../CLIENTS.md', import.meta.url))

/**
 * Writes the matrix of a run into `test/e2e/CLIENTS.md`. With `CI` set the page must say already what the run found: else the
 * run fails. A client that was skipped keeps its rows.
 */
export const matrixReporter = (): Reporter => {
  let vitest: Vitest
  let isEveryFile = false
  return {
    onInit: (started) => {
      vitest = started
    },
    onTestRunStart: async (specifications: readonly TestSpecification[]) => {
      isEveryFile = specifications.length === (await vitest.globTestSpecifications()).length
    },
    onTestRunEnd: async (modules) => {
      const ran = modules.filter(isWholeModule)
      const page = await readFile(PAGE, 'utf8')
      const isWhole = isEveryFile && ran.length === modules.length
      const updated = updatePage(page, ran.flatMap(resultsOf), { isWhole })
      if (updated === page) return
      if (process.env['CI'] === undefined) await writeFile(PAGE, updated)
      else process.exitCode = 1
      vitest.logger.error(`test/e2e/CLIENTS.md ${process.env['CI'] === undefined ? 'was updated' : 'is out of date'}`)
    },
  }
}

const cellsOf = (module: TestModule) =>
  [...module.children.allTests()].filter((test) => test.meta().matrix !== undefined)

/** Nothing of it was skipped: by name, for want of the client, or because it did not start. */
const isWholeModule = (module: TestModule): boolean => {
  const cells = cellsOf(module)
  return cells.length > 0 && cells.every((test) => ['passed', 'failed'].includes(test.result().state))
}

const resultsOf = (module: TestModule): MatrixResult[] =>
  cellsOf(module).flatMap((test) => {
    const { matrix } = test.meta()
    return matrix === undefined ? [] : [{ ...matrix, passed: test.result().state === 'passed' }]
  })
