import {
  type CatalogHead,
  type HeldHead,
  MAX_ENVELOPE_BYTES,
  MeshError,
  decodeHead,
  encodeValue,
  headValue,
} from '@hubmesh/content'
import { type Envelope, type Signer, encodeEnvelope, parseEnvelope, verifiedSigners } from './envelope.ts'
import type { TrustPolicy } from './policy.ts'
import { RefusedError } from './refusal.ts'

export const HEAD_TYPE = 'application/vnd.hubmesh.catalog.v1+dag-cbor'

/**
 * How far a head's sequence, Unix milliseconds in the rule, may be ahead of this node's clock: one day. Without a bound,
 * whoever held a key or a clock for an hour could set a sequence that the owner's later heads never reach. A day forgives
 * clocks and time zones that are set wrongly, and the owner is back after a day at the latest.
 */
export const MAX_SEQUENCE_AHEAD_MS = 24 * 60 * 60 * 1000

export interface AcceptHeadOptions {
  readonly policy: TrustPolicy
  /** What was accepted before: the head of this publisher and audience, or simply all of `CatalogStore.heads()`. */
  readonly held?: HeldHead | readonly HeldHead[] | undefined
  /** @default the clock */
  readonly now?: Date | undefined
}

/**
 * Signs a catalog head, as a DSSE envelope in DAG-CBOR.
 * @throws MeshError `bad-input` for another publisher's head, or over 1 KiB; `bad-bytes` for one that is not of the format
 */
export const sealHead = async (head: CatalogHead, signer: Signer): Promise<Uint8Array> => {
  if (head.publisher !== signer.publisher)
    throw new MeshError('bad-input', 'a catalog head is signed by its own publisher alone')
  const payload = encodeValue(headValue(head))
  decodeHead(payload) // nothing is signed that others would refuse
  const signatures = [await signer.sign(HEAD_TYPE, payload)]
  const envelope = encodeEnvelope({ payloadType: HEAD_TYPE, payload, signatures })
  if (envelope.length > MAX_ENVELOPE_BYTES) throw new MeshError('bad-input', 'a sealed catalog head is over 1 KiB')
  return envelope
}

/**
 * Judges a sealed head from outside, cheapest question first; nothing of the payload is decoded before its signature was
 * verified. The very head that is held is accepted again, as it is, even when it has expired since: what is held is served on
 * and marked stale. Whether its publisher is trusted for a repo is asked of the policy, repo by repo.
 * @throws RefusedError `endless-data`, `malformed`, `untrusted`, `signature`, `rollback`, `equivocation` or `expired`
 */
export const acceptHead = async (envelope: Uint8Array, options: AcceptHeadOptions): Promise<HeldHead> => {
  const { policy, held = [], now = new Date() } = options
  const { head, payload } = await openHead(envelope, policy)
  const before = [held].flat().find((one) => isSameCatalog(one.head, head))
  if (before !== undefined) {
    if (head.sequence < before.head.sequence) throw refuseRollback(head, before)
    if (head.sequence === before.head.sequence) {
      if (!isSameContent(before, payload)) throw refuseEquivocation(head)
      return before
    }
  }
  refuseUntimely(head, now)
  return { head, envelope, acceptedAt: now.toISOString() }
}

const openHead = async (
  bytes: Uint8Array,
  policy: TrustPolicy,
): Promise<{ head: CatalogHead; payload: Uint8Array }> => {
  if (bytes.length > MAX_ENVELOPE_BYTES) throw new RefusedError('endless-data', '', 'a sealed head of over 1 KiB')
  const envelope = parseEnvelope(bytes)
  if (envelope?.payloadType !== HEAD_TYPE) throw new RefusedError('malformed', '', 'not a sealed catalog head')
  const signer = await onlySigner(envelope, policy)
  const head = readHead(envelope.payload, signer)
  if (head.publisher !== signer)
    throw new RefusedError('signature', signer, `a catalog head of ${head.publisher}, signed by ${signer}`)
  return { head, payload: envelope.payload }
}

/** A head has one signer, its publisher: more signatures would be bytes that nobody reads. */
const onlySigner = async (envelope: Envelope, policy: TrustPolicy): Promise<string> => {
  const [claimed, ...others] = envelope.signatures.map(({ keyid }) => keyid)
  if (claimed === undefined || others.length > 0)
    throw new RefusedError('malformed', claimed ?? '', 'a catalog head needs exactly one signature')
  if (!policy.knows(claimed)) throw new RefusedError('untrusted', claimed, `no rule names the publisher ${claimed}`)
  const signers = await verifiedSigners(envelope, (keyid) => keyid === claimed)
  if (!signers.has(claimed)) throw new RefusedError('signature', claimed, 'the signature of a catalog head is wrong')
  return claimed
}

const readHead = (payload: Uint8Array, signer: string): CatalogHead => {
  try {
    return decodeHead(payload)
  } catch (cause) {
    throw new RefusedError('malformed', signer, 'signed, but not a catalog head', { cause })
  }
}

const refuseUntimely = (head: CatalogHead, now: Date): void => {
  const clocks = { hint: "compare this machine's clock with the publisher's" }
  if (head.sequence > now.getTime() + MAX_SEQUENCE_AHEAD_MS)
    throw new RefusedError('malformed', head.publisher, 'its sequence is over a day in the future', clocks)
  if (Date.parse(head.expires) <= now.getTime())
    throw new RefusedError('expired', head.publisher, `it expired on ${head.expires}`, clocks)
}

const refuseRollback = (head: CatalogHead, before: HeldHead): RefusedError =>
  new RefusedError(
    'rollback',
    head.publisher,
    `sequence ${head.sequence} is below ${before.head.sequence}, which is held`,
  )

const refuseEquivocation = (head: CatalogHead): RefusedError =>
  new RefusedError('equivocation', head.publisher, `sequence ${head.sequence} was signed twice, with different content`)

const isSameCatalog = (a: CatalogHead, b: CatalogHead): boolean =>
  a.publisher === b.publisher && a.audience === b.audience

const isSameContent = (held: HeldHead, payload: Uint8Array): boolean => {
  const before = parseEnvelope(held.envelope)
  return before !== undefined && Buffer.compare(before.payload, payload) === 0
}
