/** What tests share in which a swarm that pulls a blob comes into trouble. */
import type { NodeStatus } from '@hubmesh/content'
import type { SampleBlob } from '@hubmesh/testing'
import { expect } from 'vitest'
import type { OfficeOptions, Swarm, SwarmNode } from './local-swarm.ts'
import { downloadBlob, publishBlob } from './publish-blob.ts'

/** By repo: each is of one blob. */
export type Blobs = Readonly<Record<string, SampleBlob>>

export const publishAll = async (swarm: Swarm, seed: SwarmNode, blobs: Blobs): Promise<void> => {
  for (const [repo, blob] of Object.entries(blobs)) await publishBlob(swarm, seed, repo, blob)
}

/** Starts an office, and waits until it has heard of all of them. */
export const startInformed = async (
  swarm: Swarm,
  name: string,
  { blobs, ...options }: OfficeOptions & { blobs: Blobs },
): Promise<SwarmNode> => {
  const office = await swarm.startOffice(name, options)
  await office.waitFor('the catalog', ({ repos }) => repos.length === Object.keys(blobs).length)
  return office
}

export const pullAll = (nodes: readonly SwarmNode[], repo: string): Promise<unknown> =>
  Promise.all(nodes.map((node) => node.pull(repo)))

/** Waits until each has so many bytes of what it pulls. */
export const haveBytes = (nodes: readonly SwarmNode[], bytes: number): Promise<unknown> =>
  Promise.all(nodes.map((node) => node.waitFor('a part', ({ transfers }) => (transfers[0]?.done ?? 0) > bytes)))

export const holds =
  (repo: string) =>
  ({ repos }: NodeStatus): boolean =>
    repos.some(({ id, complete }) => id === repo && complete)

export const expectWhole = async (
  nodes: readonly SwarmNode[],
  repo: string,
  { size, sha256 }: SampleBlob,
): Promise<void> => {
  for (const node of nodes) expect(await downloadBlob(node, repo)).toEqual({ size, sha256 })
}
