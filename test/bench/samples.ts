import { createCipheriv, randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { MIB } from '@hubmesh/content'
import type { SwarmNode } from '../integration/local-swarm.ts'

export const GIB = 1024 * MIB

/** No Hub is needed: the seed publishes a folder. */
export const NO_UPSTREAM = 'http://127.0.0.1:9'

/** Bytes that nobody could have from elsewhere, nor shorten. */
export const writeRandomFile = async (path: string, size: number): Promise<void> => {
  const file = await open(path, 'wx')
  const stream = createCipheriv('aes-128-ctr', randomBytes(16), randomBytes(16))
  const zeros = Buffer.alloc(8 * MIB)
  for (let left = size; left > 0; left -= zeros.length) await file.write(stream.update(zeros.subarray(0, left)))
  await file.sync() // or the disk would still be at it while the first round runs
  await file.close()
}

/** @throws Error with what the command said */
export const publish = async (seed: SwarmNode, folder: string, repo: string): Promise<void> => {
  const { code, stderr } = await seed.cli('publish', folder, repo)
  if (code !== 0) throw new Error(`the seed could not publish: ${stderr}`)
}
