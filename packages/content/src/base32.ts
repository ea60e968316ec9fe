import { base32 } from 'multiformats/bases/base32'
import { MeshError } from './errors.ts'

/** RFC 4648 base32 in lower case, without padding. */
export const toBase32 = (bytes: Uint8Array): string => base32.baseEncode(bytes)

/** @throws MeshError `bad-input` for another alphabet, padding, or bits that no encoder leaves at the end */
export const fromBase32 = (text: string): Uint8Array => {
  try {
    return base32.baseDecode(text)
  } catch (cause) {
    throw new MeshError('bad-input', 'not base32', { cause })
  }
}
