import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SampleBlob } from '@hubmesh/testing'
import { publish } from '../bench/samples.ts'
import { type Swarm, type SwarmNode, download } from './local-swarm.ts'

export const FILE = 'model.bin'

/** Publishes a repo of that one file. */
export const publishBlob = async (
  swarm: Swarm,
  seed: SwarmNode,
  repo: string,
  { bytes }: SampleBlob,
): Promise<void> => {
  const folder = join(swarm.folder, 'published', repo)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, FILE), bytes)
  await publish(seed, folder, repo)
}

/** What a client of the node gets of it. */
export const downloadBlob = async ({ gateway }: SwarmNode, repo: string): Promise<{ size: number; sha256: string }> => {
  const { bytes: size, sha256 } = await download(`${gateway}/${repo}/resolve/main/${FILE}`)
  return { size, sha256 }
}
