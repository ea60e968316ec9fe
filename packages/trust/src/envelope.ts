import { type Signature, decodeValue, encodeValue } from '@hubmesh/content'
import { z } from 'zod'
import { type PrivateKey, peerIdOf, publicKeyOf } from './identity.ts'

/** What signs for a publisher. */
export interface Signer {
  /** Peer id of the key: the key id of its signatures. */
  readonly publisher: string
  sign(payloadType: string, payload: Uint8Array): Promise<Signature>
}

/** A DSSE envelope (https://github.com/secure-systems-lab/dsse, envelope.md), in DAG-CBOR instead of JSON. */
export interface Envelope {
  readonly payloadType: string
  readonly payload: Uint8Array
  readonly signatures: readonly Signature[]
}

/** Ed25519 signatures are 64 bytes (RFC 8032, section 5.1.6). */
const SIGNATURE_BYTES = 64
/** Most signatures that are looked at: bounds the work that a stranger can cause. */
export const MAX_SIGNATURES = 64

const envelopeSchema = z.strictObject({
  payloadType: z.string().min(1).max(128),
  payload: z.instanceof(Uint8Array),
  signatures: z
    .array(z.strictObject({ keyid: z.string().min(1).max(128), sig: z.instanceof(Uint8Array) }))
    .min(1)
    .max(MAX_SIGNATURES),
})

export const createSigner = (key: PrivateKey): Signer => {
  const publisher = peerIdOf(key)
  return {
    publisher,
    sign: async (payloadType, payload) => ({ keyid: publisher, sig: await key.sign(encodePae(payloadType, payload)) }),
  }
}

/** DSSE's pre-authentication encoding (protocol.md, version 1.0): what is signed instead of the bare payload. */
export const encodePae = (payloadType: string, payload: Uint8Array): Uint8Array => {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `
  return Buffer.concat([Buffer.from(head), payload])
}

export const encodeEnvelope = (envelope: Envelope): Uint8Array => encodeValue(envelope)

/** The parts of an envelope, nothing of them verified; undefined when it is none. The caller has bounded its size. */
export const parseEnvelope = (bytes: Uint8Array): Envelope | undefined => {
  try {
    const parsed = envelopeSchema.safeParse(decodeValue(bytes))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined // not even DAG-CBOR, which is all that decodeValue throws for
  }
}

/** Who signed: key ids of distinct signers among `allowed` with a signature that verifies. Never throws for bad input. */
export const verifiedSigners = async (
  envelope: Envelope,
  allowed: (keyid: string) => boolean,
): Promise<ReadonlySet<string>> => {
  const signed = encodePae(envelope.payloadType, envelope.payload)
  const signers = new Set<string>()
  for (const { keyid, sig } of envelope.signatures) {
    if (signers.has(keyid) || !allowed(keyid)) continue
    if (sig.length === SIGNATURE_BYTES && (await publicKeyOf(keyid)?.verify(signed, sig)) === true) signers.add(keyid)
  }
  return signers
}
