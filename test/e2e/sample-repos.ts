import {
  type SampleHub,
  addSampleRepos,
  buildRepo,
  buildSampleRepos,
  commitNext,
  createSampleHub,
} from '@hubmesh/testing'
import { type PythonClient, typeAndId } from './python-client.ts'

export const BERT = 'hubmesh-samples/tiny-bert'
export const SOVITS = 'hubmesh-samples/tiny-sovits'
export const SAYINGS = 'dataset:hubmesh-samples/tiny-sayings'
/** Odd names, empty files, and files around every bound of a chunk. */
export const ODD = 'hubmesh-samples/odd-names'
export const REPOS = [BERT, SOVITS, SAYINGS, ODD] as const

export interface SampleRepos {
  readonly hub: SampleHub
  /** Brings the sample models and the dataset to their next commit. */
  commitNext(): Promise<void>
}

/** A Hub with the sample repos and one of odd names, each at its first commit. */
export const sampleRepos = async (): Promise<SampleRepos> => {
  const hub = await createSampleHub()
  const repos = await buildSampleRepos()
  await addSampleRepos(hub, repos)
  await hub.addRepo(ODD, { files: buildRepo({ seed: 'odd' }) })
  return { hub, commitNext: () => commitNext(hub, repos) }
}

/** Downloads whole repos into the client's cache. @returns their folders there */
export const snapshots = async (
  client: PythonClient,
  wanted: readonly (readonly [repo: string, revision: string])[],
): Promise<string[]> => {
  const args = wanted.flatMap(([repo, revision]) => [...typeAndId(repo), revision])
  return (await client.ask('huggingface-hub/snapshot.py', ...args)) as string[]
}
