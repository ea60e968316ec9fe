import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Reporter, TestCase, TestSpecification, Vitest } from 'vitest/node'
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
      const cells = modules.flatMap((module) => [...module.children.allTests()]).filter((test) => test.meta().matrix)
      const complete = [...Map.groupBy(cells, (test) => test.meta().matrix?.client).values()].filter((all) =>
        all.every(hasRun),
      )
      const isWhole = isEveryFile && modules.every((module) => module.ok()) && cells.every(hasRun)
      const page = await readFile(PAGE, 'utf8')
      const updated = updatePage(page, complete.flat().flatMap(resultOf), { isWhole })
      if (updated === page) return
      if (process.env['CI'] === undefined) {
        await writeFile(PAGE, updated)
        vitest.logger.log('test/e2e/CLIENTS.md was updated')
      } else {
        vitest.logger.error(
          'test/e2e/CLIENTS.md does not say what was found: run `test:clients` without CI, and commit it',
        )
        process.exitCode = 1
      }
    },
  }
}

/** Neither skipped, by name or for want of the client, nor never begun. */
const hasRun = (test: TestCase): boolean => ['passed', 'failed'].includes(test.result().state)

const resultOf = (test: TestCase): MatrixResult[] => {
  const { matrix } = test.meta()
  return matrix === undefined ? [] : [{ ...matrix, passed: test.result().state === 'passed' }]
}
