import { type VerifiedBytes, isMeshError, sha256FromBytes, verify } from '@hubmesh/content'

/** The bytes as proven; undefined when they do not hash to the digest, which on a disk is no error but an answer. */
export const verifyDigest = (bytes: Uint8Array, digest: Uint8Array): VerifiedBytes | undefined => {
  try {
    return verify([bytes], sha256FromBytes(digest))
  } catch (error) {
    if (isMeshError(error, 'bad-bytes')) return undefined
    throw error
  }
}
