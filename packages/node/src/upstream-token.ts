import { resolve } from 'node:path'
import { MeshError } from '@hubmesh/content'
import { readSmallFile } from './files.ts'

/**
 * The upstream token, from the file named or else from `HF_TOKEN`; undefined where neither is given.
 * @throws MeshError `config`; never with the token in it
 */
export const readUpstreamToken = async (
  file: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> => {
  const text = file === undefined ? env['HF_TOKEN'] : await readTokenFile(resolve(file))
  const token = text?.trim()
  if (token === undefined || token === '') {
    if (file === undefined) return undefined
    throw new MeshError('config', `the token file ${file} is empty`, { hint: 'put the token alone into it' })
  }
  if (!/^[\x21-\x7e]{1,1000}$/.test(token)) {
    throw new MeshError('config', 'the upstream token is not one word of plain letters', {
      hint: 'the file, or HF_TOKEN, holds the token and nothing else',
    })
  }
  return token
}

const readTokenFile = async (path: string): Promise<string | undefined> => {
  try {
    const text = await readSmallFile(path)
    if (text !== undefined) return text
  } catch (cause) {
    throw unreadable(path, cause)
  }
  throw unreadable(path)
}

const unreadable = (path: string, cause?: unknown): MeshError =>
  new MeshError('config', `the token file ${path} cannot be read`, {
    hint: 'check the path given with --upstream-token-file',
    ...(cause === undefined ? {} : { cause }),
  })
