import { createHash } from 'node:crypto'
import { MeshError } from './errors.ts'

declare const brand: unique symbol

/** A sha256 in lower-case hex, 64 characters: the name of a chunk or of a blob. */
export type Sha256 = string & { readonly [brand]: 'sha256' }

/** A git object id: a sha1 in lower-case hex, 40 characters. */
export type GitOid = string & { readonly [brand]: 'git-oid' }

/**
 * Bytes that were hashed here and found to be what their name says. They come in parts as they were received: joining
 * them would cost a copy of every byte. Stores take nothing else.
 */
export interface VerifiedBytes {
  readonly sha256: Sha256
  readonly parts: readonly Uint8Array[]
  readonly length: number
  readonly [brand]: 'verified'
}

export const isSha256 = (text: string): text is Sha256 => /^[0-9a-f]{64}$/.test(text)
export const isGitOid = (text: string): text is GitOid => /^[0-9a-f]{40}$/.test(text)

/** @throws MeshError `bad-input` */
export const asSha256 = (text: string): Sha256 => {
  if (!isSha256(text)) throw new MeshError('bad-input', 'not a sha256: 64 lower-case hex digits expected')
  return text
}

/** @throws MeshError `bad-input` */
export const asGitOid = (text: string): GitOid => {
  if (!isGitOid(text)) throw new MeshError('bad-input', 'not a git object id: 40 lower-case hex digits expected')
  return text
}

export const sha256Bytes = (hex: Sha256): Uint8Array => Buffer.from(hex, 'hex')
export const sha256FromBytes = (digest: Uint8Array): Sha256 =>
  asSha256(Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('hex'))

export const hashParts = (parts: Iterable<Uint8Array>): Sha256 => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex') as Sha256
}

export const sha256Of = (bytes: Uint8Array): Sha256 => hashParts([bytes])

/**
 * Hashes the parts and hands them back as proven.
 * @throws MeshError `bad-bytes` when they are not what `expected` names.
 */
export const verify = (parts: readonly Uint8Array[], expected: Sha256): VerifiedBytes => {
  if (hashParts(parts) !== expected) throw new MeshError('bad-bytes', `bytes do not hash to ${expected}`)
  return proven(parts, expected)
}

/** Bytes of our own making: their hash is their name. */
export const nameBytes = (bytes: Uint8Array): VerifiedBytes => proven([bytes], sha256Of(bytes))

/** The parts as one array: the part itself when there is only one. */
export const joinParts = (bytes: VerifiedBytes): Uint8Array =>
  bytes.parts.length === 1 ? bytes.parts[0]! : Buffer.concat(bytes.parts, bytes.length)

/** The id git gives a file's content: sha1 of `blob <size>\0` and the bytes. */
export const gitBlobOid = (bytes: Uint8Array): GitOid =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex') as GitOid

const proven = (parts: readonly Uint8Array[], sha256: Sha256): VerifiedBytes =>
  ({ sha256, parts, length: parts.reduce((sum, part) => sum + part.length, 0) }) as VerifiedBytes

export const EMPTY_SHA256 = sha256Of(new Uint8Array())
