/** The sample Hub and its repos are what real clients take them for: so a failure of office.test.ts is one of ours. */
import { type SampleHub, differencesFrom } from '@hubmesh/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FIRST_RUN_MS } from './clients.ts'
import { pythonClient } from './python-client.ts'
import { REPOS, sampleRepos, snapshots } from './sample-repos.ts'

let hub: SampleHub
const commits: [repo: string, revision: string][] = []

beforeAll(async () => {
  const sample = await sampleRepos()
  hub = sample.hub
  commits.push(...REPOS.map((repo): [string, string] => [repo, hub.sha(repo)]))
  await sample.commitNext()
  commits.push(...REPOS.map((repo): [string, string] => [repo, 'main']))
})

afterAll(() => hub?.stop())

test('huggingface_hub gets every repo byte by byte, at both commits', { timeout: FIRST_RUN_MS }, async (context) => {
  const client = await pythonClient(context, 'huggingface_hub 2.0.0', hub.url)
  const folders = await snapshots(client, commits)
  for (const [index, [repo, revision]] of commits.entries()) {
    expect(await differencesFrom(hub.source(repo, revision), folders[index] ?? '')).toEqual([])
  }
})
