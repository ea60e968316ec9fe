import { type GitOid, type IngestPlan, MeshError, type Sha256 } from '@hubmesh/content'

/** @throws MeshError `bad-bytes` unless all that was expected is what was found */
export const requireExpected = (
  { key, expect }: IngestPlan,
  found: { readonly sha256: Sha256; readonly gitOid?: GitOid },
): void => {
  const { sha256 = found.sha256, gitOid = found.gitOid } = expect
  if (sha256 !== found.sha256 || gitOid !== found.gitOid)
    throw new MeshError('bad-bytes', `the bytes of ${key} are not what was expected`)
}

/** @throws MeshError `bad-input` for bytes outside of the whole */
export const requireInside = (size: number, offset: number, length: number): void => {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > size)
    throw new MeshError('bad-input', `bytes at ${offset} are outside of the ${size} that are ingested`)
}
