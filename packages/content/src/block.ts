import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { create as createMultihash } from 'multiformats/hashes/digest'
import * as raw from 'multiformats/codecs/raw'
import { type Sha256, sha256Bytes, sha256FromBytes, sha256Of } from './digest.ts'
import { MeshError } from './errors.ts'
import { MAX_BLOCK_BYTES } from './limits.ts'

declare const brand: unique symbol

/** A CIDv1 with a sha256 in base32, as text: codec `raw` for a chunk, `dag-cbor` for a structured block. */
export type Cid = string & { readonly [brand]: 'cid' }

/** A structured block whose bytes were hashed here. */
export interface Block {
  readonly cid: Cid
  readonly bytes: Uint8Array
  readonly [brand]: 'block'
}

const SHA256_CODE = 0x12

/** @throws MeshError `bad-input` unless it is a CIDv1 of codec raw or dag-cbor with a sha256. */
export const parseCid = (text: string): Cid => toCid(parseLink(text))

/** True for a CID of any version, codec and hash, also for one that nothing here can have. */
export const isAnyCid = (text: string): boolean => {
  try {
    CID.parse(text)
    return true
  } catch {
    return false
  }
}

export const chunkCid = (sha256: Sha256): Cid => toCid(linkOf(raw.code, sha256))
export const blockCid = (sha256: Sha256): Cid => toCid(linkOf(dagCbor.code, sha256))

/** The sha256 that a CID names. */
export const cidSha256 = (cid: Cid): Sha256 => sha256FromBytes(CID.parse(cid).multihash.digest)
export const cidCodec = (cid: Cid): 'raw' | 'dag-cbor' => (CID.parse(cid).code === raw.code ? 'raw' : 'dag-cbor')

/**
 * Encodes a value as canonical DAG-CBOR. Links are `link(cid)` values.
 * @throws MeshError `bad-input` over 1 MiB
 */
export const encodeBlock = (value: unknown): Block => {
  const bytes = dagCbor.encode(value)
  if (bytes.length > MAX_BLOCK_BYTES) throw new MeshError('bad-input', `a block of ${bytes.length} bytes is over 1 MiB`)
  return asBlock(blockCid(sha256Of(bytes)), bytes)
}

/** @throws MeshError `bad-bytes` when the bytes do not hash to the CID or are over 1 MiB */
export const verifyBlock = (cid: Cid, bytes: Uint8Array): Block => {
  if (bytes.length > MAX_BLOCK_BYTES) throw new MeshError('bad-bytes', `block ${cid} is over 1 MiB`)
  if (sha256Of(bytes) !== cidSha256(cid)) throw new MeshError('bad-bytes', `bytes do not hash to ${cid}`)
  return asBlock(cid, bytes)
}

/**
 * Decodes DAG-CBOR strictly; links come out as CID texts through `linkText`.
 * @throws MeshError `bad-bytes` when the bytes are no canonical DAG-CBOR
 */
export const decodeValue = (bytes: Uint8Array): unknown => {
  try {
    return dagCbor.decode(bytes)
  } catch (cause) {
    throw new MeshError('bad-bytes', 'not canonical DAG-CBOR', { cause })
  }
}

export const encodeValue = (value: unknown): Uint8Array => dagCbor.encode(value)

/** The value without its undefined fields: DAG-CBOR has none, absent is absent. */
export const defined = <T extends object>(value: T): Partial<T> =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Partial<T>

/** A CID as a DAG-CBOR link, for values given to `encodeBlock`. */
export const link = (cid: Cid): unknown => CID.parse(cid)

/** The text of a decoded link. @throws MeshError `bad-input` when it is no link of ours */
export const linkText = (value: unknown): Cid => {
  const found = CID.asCID(value)
  if (found === null) throw new MeshError('bad-input', 'a link was expected')
  return toCid(checkLink(found))
}

const asBlock = (cid: Cid, bytes: Uint8Array): Block => ({ cid, bytes }) as Block
/** In one piece: the encoder joins letter to letter, and V8 keeps such a text as a chain of them, over 1 KiB for each CID. */
const toCid = (found: CID): Cid => Buffer.from(found.toString(), 'latin1').toString('latin1') as Cid
const linkOf = (code: number, sha256: Sha256): CID =>
  CID.createV1(code, createMultihash(SHA256_CODE, sha256Bytes(sha256)))

const parseLink = (text: string): CID => {
  try {
    return checkLink(CID.parse(text))
  } catch (cause) {
    throw new MeshError('bad-input', 'not a CID of a chunk or a block', { cause })
  }
}

const checkLink = (found: CID): CID => {
  const known = found.code === raw.code || found.code === dagCbor.code
  if (found.version !== 1 || !known || found.multihash.code !== SHA256_CODE || found.multihash.digest.length !== 32) {
    throw new MeshError('bad-input', 'a CIDv1 of codec raw or dag-cbor with a sha256 was expected')
  }
  return found
}
