/**
 * How much of the random tests is run: a part with every test run, more by `npx -y pnpm@12 test:fuzz`. A failure prints its seed
 * and path; `HUBMESH_FUZZ_SEED` looks elsewhere.
 */
import type { Parameters } from 'fast-check'

/** Requests in all; undefined in the default run. */
const wanted = process.env['HUBMESH_FUZZ']
const seed = Number(process.env['HUBMESH_FUZZ_SEED'] ?? 1)

export const TIMEOUT_MS = 300_000

/** Runs for so many requests, `each` of them in one run. */
export const runsOf = <T>({ preset, each }: { preset: number; each: number }): Parameters<T> => ({
  seed,
  numRuns: Math.ceil(Number(wanted ?? preset) / each),
})

export const TREE_SEED = seed
