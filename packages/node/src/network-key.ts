import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@hubmesh/content'
import { readSmallFile, replaceFile } from './files.ts'

const PRIVATE_FILE = 0o600

/**
 * The network key of a home, 32 bytes; undefined where it has none yet.
 * @throws MeshError `config` when the file cannot be read or holds no key
 */
export const readNetworkKey = async (home: string): Promise<Uint8Array | undefined> => {
  const path = keyPath(home)
  let text: string | undefined
  try {
    text = await readSmallFile(path)
  } catch (cause) {
    throw unusable(path, 'cannot be read', cause)
  }
  if (text === undefined) return undefined
  if (!/^[0-9a-f]{64}\s*$/.test(text)) throw unusable(path, 'does not hold a network key')
  return new Uint8Array(Buffer.from(text.trim(), 'hex'))
}

/** Writes the key, 0600. Another key that was there is kept beside it: it may be the only copy that opens a mesh. */
export const writeNetworkKey = async (home: string, key: Uint8Array): Promise<void> => {
  const path = keyPath(home)
  const held = await readNetworkKey(home)
  if (held !== undefined && Buffer.compare(held, key) === 0) return
  if (held !== undefined) await rename(path, `${path}.old`)
  await replaceFile(path, `${Buffer.from(key).toString('hex')}\n`, PRIVATE_FILE)
}

const keyPath = (home: string): string => join(home, 'network.key')

const unusable = (path: string, what: string, cause?: unknown): MeshError =>
  new MeshError('config', `the network key ${path} ${what}`, {
    hint: 'join again with a ticket: `hubmesh ticket` on a node of the mesh prints one',
    ...(cause === undefined ? {} : { cause }),
  })
