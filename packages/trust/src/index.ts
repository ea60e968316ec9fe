/**
 * Who may sign, and what is believed: identities, signatures, the trust policy, acceptance of signed metadata, tickets.
 * Verdicts only: fetching and keeping are others' business.
 *
 *     const key = await loadIdentity(join(home, 'identity.key'))
 *     const envelope = await sealHead(head, createSigner(key))
 *     const policy = createPolicy([{ publishers: [peerIdOf(key)], threshold: 1, repos: ['**'] }])
 *     const held = await acceptHead(envelope, { policy, held: catalogs.heads() })
 */
export { type Signer, createSigner } from './envelope.ts'
export { type AcceptHeadOptions, HEAD_TYPE, MAX_SEQUENCE_AHEAD_MS, acceptHead, sealHead } from './heads.ts'
export { type PrivateKey, isPublisherId, loadIdentity, peerIdOf } from './identity.ts'
export { type AcceptManifestOptions, MANIFEST_TYPE, acceptManifest, signManifest } from './manifests.ts'
export { type TrustPolicy, type TrustRule, createPolicy } from './policy.ts'
export { RefusedError } from './refusal.ts'
export { type Ticket, createNetworkKey, decodeTicket, encodeTicket } from './ticket.ts'
