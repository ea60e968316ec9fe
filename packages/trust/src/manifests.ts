import {
  type Block,
  MAX_BLOCK_BYTES,
  type Manifest,
  type RepoRef,
  type Signature,
  decodeManifest,
  repoKey,
} from '@hubmesh/content'
import { MAX_SIGNATURES, type Signer, verifiedSigners } from './envelope.ts'
import type { TrustPolicy, TrustRule } from './policy.ts'
import { RefusedError } from './refusal.ts'

export const MANIFEST_TYPE = 'application/vnd.hubmesh.manifest.v1+dag-cbor'

export interface AcceptManifestOptions {
  readonly policy: TrustPolicy
  /** What the catalog said that this manifest is. */
  readonly repo: RepoRef
  readonly revision: string
}

/** A detached DSSE signature over the manifest's root block. An approval is one more of these. */
export const signManifest = (root: Block, signer: Signer): Promise<Signature> => signer.sign(MANIFEST_TYPE, root.bytes)

/**
 * Judges a manifest by its root and the signatures known for it: as many distinct publishers of the repo's rule as its
 * threshold asks for must have signed these very bytes. Signatures of others are passed over.
 * @throws RefusedError `untrusted`, `endless-data`, `signature`, `malformed` or `mix-and-match`
 */
export const acceptManifest = async (
  root: Block,
  signatures: readonly Signature[],
  { policy, repo, revision }: AcceptManifestOptions,
): Promise<Manifest> => {
  const rule = policy.ruleFor(repo)
  if (rule === undefined) throw new RefusedError('untrusted', '', `no rule trusts anyone for ${repoKey(repo)}`)
  if (root.bytes.length > MAX_BLOCK_BYTES || signatures.length > MAX_SIGNATURES)
    throw new RefusedError('endless-data', '', 'a manifest root of over 1 MiB, or too many signatures')
  const signer = await requireSigners(root, signatures, rule)
  const manifest = readManifest(root, signer)
  if (repoKey(manifest.repo) !== repoKey(repo) || manifest.revision !== revision) {
    const found = `${repoKey(manifest.repo)}@${manifest.revision}`
    throw new RefusedError('mix-and-match', signer, `${found} where ${repoKey(repo)}@${revision} was asked for`)
  }
  return manifest
}

/** Returns the one of the signers that the rule prefers. */
const requireSigners = async (root: Block, signatures: readonly Signature[], rule: TrustRule): Promise<string> => {
  const trusted = signatures.filter(({ keyid }) => rule.publishers.includes(keyid))
  const claimed = trusted[0]?.keyid
  if (claimed === undefined)
    throw new RefusedError(
      'untrusted',
      signatures[0]?.keyid ?? '',
      'nobody whom the rule names has signed the manifest',
    )
  const envelope = { payloadType: MANIFEST_TYPE, payload: root.bytes, signatures: trusted }
  const signers = await verifiedSigners(envelope, () => true)
  const preferred = rule.publishers.find((publisher) => signers.has(publisher))
  if (preferred === undefined || signers.size < rule.threshold)
    throw new RefusedError(
      'signature',
      claimed,
      `${signers.size} of ${rule.threshold} signatures of a manifest are good`,
    )
  return preferred
}

const readManifest = (root: Block, signer: string): Manifest => {
  try {
    return decodeManifest(root.bytes)
  } catch (cause) {
    throw new RefusedError('malformed', signer, 'signed, but not a manifest', { cause })
  }
}
