import { encodeValue, headValue } from '@hubmesh/content'
import { encodePae } from '../src/envelope.ts'
import { HEAD_TYPE, encodeTicket, sealHead, signManifest } from '../src/index.ts'
import { headOf, manifestOf, signerNumber } from './fixtures.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** All that is signed, and a ticket, made by the key whose seed is 32 bytes of 7. Ed25519 signs the same way every time. */
export const signatureVectors = async () => {
  const signer = await signerNumber(7)
  const head = headOf(signer.publisher)
  const payload = encodeValue(headValue(head))
  const root = manifestOf()
  const { keyid, sig } = await signManifest(root, signer)
  const ticket = {
    networkKey: new Uint8Array(32).fill(9),
    addresses: [`/ip4/192.0.2.7/tcp/8643/p2p/${signer.publisher}`],
    publishers: [signer.publisher],
    site: 'hq',
  }
  return {
    seed: hex(new Uint8Array(32).fill(7)),
    publisher: signer.publisher,
    head: {
      head,
      payload: hex(payload),
      pae: hex(encodePae(HEAD_TYPE, payload)),
      envelope: hex(await sealHead(head, signer)),
    },
    manifest: { root: hex(root.bytes), cid: root.cid, keyid, sig: hex(sig) },
    ticket: { ...ticket, networkKey: hex(ticket.networkKey), text: encodeTicket(ticket) },
  }
}
