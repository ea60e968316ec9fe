import { constants } from 'node:fs'
import { type FileHandle, link, open, rm } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import {
  generateKeyPair,
  generateKeyPairFromSeed,
  privateKeyFromProtobuf,
  privateKeyToProtobuf,
} from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey, Ed25519PublicKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { MeshError } from '@hubmesh/content'

/** An Ed25519 key as libp2p has it: a node's identity, and by default its publisher's. */
export type PrivateKey = Ed25519PrivateKey

/** Ours is 68 bytes; libp2p's older form, which holds the public key twice, is 100. */
const MAX_KEY_FILE_BYTES = 1024
const PRIVATE_MODE = 0o600
const OTHERS = 0o077

/**
 * The identity in a file: libp2p's protobuf of an Ed25519 private key. Made, with mode 0600, when there is none. What is
 * there is never replaced: a lost identity means that every office has to trust another one.
 * @throws MeshError `config` with a hint when it cannot be read, is open to others, or is no such key
 */
export const loadIdentity = async (path: string): Promise<PrivateKey> =>
  (await readIdentity(path)) ?? (await createIdentity(path))

/** The peer id of a key, `12D3Koo…`: the name under which it signs. */
export const peerIdOf = (key: PrivateKey): string => peerIdFromPrivateKey(key).toString()

/** True for the text of an Ed25519 peer id in its one usual form, so that equal identities are equal texts. */
export const isPublisherId = (text: string): boolean => publicKeyOf(text) !== undefined

/** The key that an Ed25519 peer id holds in itself; undefined for any other text. */
export const publicKeyOf = (text: string): Ed25519PublicKey | undefined => {
  if (text.length > 64) return undefined
  try {
    const peerId = peerIdFromString(text)
    return peerId.type === 'Ed25519' && peerId.toString() === text ? peerId.publicKey : undefined
  } catch {
    return undefined // it throws a different error for each way of not being a peer id: all mean the same here
  }
}

const readIdentity = async (path: string): Promise<PrivateKey | undefined> => {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK) // not to wait for a writer, were it a pipe
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw unusable(path, 'cannot be read', 'check who owns the file and its folder', error)
  }
  try {
    const { size, mode, isFile } = await describe(file)
    if (!isFile) throw unusable(path, 'is not a file', 'move it away, or name another home')
    if (size > MAX_KEY_FILE_BYTES) throw corrupt(path)
    if ((mode & OTHERS) !== 0) await tighten(file, path)
    return await parseIdentity(path, await file.readFile())
  } finally {
    await file.close()
  }
}

const describe = async (file: FileHandle): Promise<{ size: number; mode: number; isFile: boolean }> => {
  const stats = await file.stat()
  return { size: stats.size, mode: stats.mode, isFile: stats.isFile() }
}

const tighten = async (file: FileHandle, path: string): Promise<void> => {
  try {
    await file.chmod(PRIVATE_MODE)
  } catch (cause) {
    throw unusable(path, 'can be read by others', `run chmod 600 on it as its owner`, cause)
  }
}

const parseIdentity = async (path: string, bytes: Uint8Array): Promise<PrivateKey> => {
  let key: ReturnType<typeof privateKeyFromProtobuf>
  try {
    key = privateKeyFromProtobuf(bytes)
  } catch {
    throw corrupt(path) // without the cause: it might quote bytes of the key
  }
  if (key.type !== 'Ed25519') throw unusable(path, `holds a key of type ${key.type}`, 'only Ed25519 keys work here')
  const whole = await generateKeyPairFromSeed('Ed25519', key.raw.subarray(0, 32))
  if (!whole.publicKey.equals(key.publicKey)) throw corrupt(path) // its two halves do not belong together
  return key
}

/**
 * The key gets its name only when all of it is on disk, by a link, which fails where there is a file already: a crash leaves
 * no half key, and of two nodes that start at once both use the first one's.
 */
const createIdentity = async (path: string): Promise<PrivateKey> => {
  const key = await generateKeyPair('Ed25519')
  const draft = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    await writeDurably(draft, privateKeyToProtobuf(key))
    await link(draft, path)
    await syncFolder(dirname(path))
    return key
  } catch (error) {
    const theirs = hasCode(error, 'EEXIST') ? await readIdentity(path) : undefined
    if (theirs !== undefined) return theirs
    throw unusable(path, 'cannot be created', 'check that the folder exists and can be written to', error)
  } finally {
    await rm(draft, { force: true })
  }
}

const writeDurably = async (path: string, bytes: Uint8Array): Promise<void> => {
  const file = await open(path, 'wx', PRIVATE_MODE)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const corrupt = (path: string): MeshError =>
  unusable(path, 'does not hold a private key', 'restore it from a backup; move it away only to start as a new node')

const unusable = (path: string, what: string, hint: string, cause?: unknown): MeshError =>
  new MeshError('config', `the identity ${path} ${what}`, { hint, cause })

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
