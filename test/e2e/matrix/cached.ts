import { type SampleHub, differencesFrom } from '@hubmesh/testing'
import { expect } from 'vitest'
import type { PythonClient } from '../python-client.ts'

/** All that the client has of a commit in its cache is the Hub's, byte for byte, and these paths are among it. */
export const expectCached = async (
  hub: SampleHub,
  user: PythonClient,
  { repo, revision = 'main', paths }: { repo: string; revision?: string; paths: readonly string[] },
): Promise<void> => {
  const folder = user.snapshot(repo, hub.sha(repo, revision))
  const mayLack = [...hub.source(repo, revision).keys()].filter((path) => !paths.includes(path))
  const differences = await differencesFrom(hub.source(repo, revision), folder)
  expect(differences.filter((difference) => !mayLack.some((path) => difference === `${path} is missing`))).toEqual([])
}
