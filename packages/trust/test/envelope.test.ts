import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { encodeValue } from '@hubmesh/content'
import { describe, expect, it } from 'vitest'
import { createSigner, peerIdOf } from '../src/index.ts'
import { encodePae, parseEnvelope, verifiedSigners } from '../src/envelope.ts'
import { signerNumber } from './fixtures.ts'

const hex = (text: string): Uint8Array => Buffer.from(text, 'hex')
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

describe('Ed25519', () => {
  // RFC 8032, section 7.1: TEST 1, TEST 2 and TEST 3.
  it.each([
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ])('signs as RFC 8032 says: seed %s', async (seed, publicKey, message, signature) => {
    const key = await generateKeyPairFromSeed('Ed25519', hex(seed))
    expect(Buffer.from(key.publicKey.raw).toString('hex')).toBe(publicKey)
    expect(Buffer.from(await key.sign(hex(message))).toString('hex')).toBe(signature)
  })
})

describe('DSSE', () => {
  it.each([
    // The example of protocol.md; then lengths count bytes, not characters, and an empty body has length 0.
    ['http://example.com/HelloWorld', 'hello world', 'DSSEv1 29 http://example.com/HelloWorld 11 hello world'],
    ['application/vnd.exämple+json', '', 'DSSEv1 29 application/vnd.exämple+json 0 '],
    ['', '', 'DSSEv1 0  0 '],
  ])('encodes %j and %j', (type, body, pae) => {
    expect(Buffer.from(encodePae(type, text(body))).toString()).toBe(pae)
  })

  it('cannot be made to take one pair for another', () => {
    expect(encodePae('a 1', text('b'))).not.toEqual(encodePae('a', text('1 b')))
  })

  it('signs the encoding of type and body, under the peer id', async () => {
    const key = await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(7))
    const { keyid, sig } = await createSigner(key).sign('text/plain', text('hello'))
    expect(keyid).toBe(peerIdOf(key))
    expect(await key.publicKey.verify(text('DSSEv1 10 text/plain 5 hello'), sig)).toBe(true)
  })
})

describe('verified signers', () => {
  const sealed = async (payloadType: string, payload: Uint8Array, ...numbers: number[]) => {
    const signers = await Promise.all(numbers.map(signerNumber))
    return { payloadType, payload, signatures: await Promise.all(signers.map((one) => one.sign(payloadType, payload))) }
  }
  const anyone = (): boolean => true

  it('counts each signer once', async () => {
    const [one, two] = await Promise.all([signerNumber(1), signerNumber(2)])
    expect(await verifiedSigners(await sealed('t', text('x'), 1, 1, 2, 1), anyone)).toEqual(
      new Set([one.publisher, two.publisher]),
    )
  })

  it('leaves out whom it was not asked for, and signatures over something else', async () => {
    const two = await signerNumber(2)
    const envelope = await sealed('t', text('x'), 1, 2)
    expect(await verifiedSigners(envelope, (keyid) => keyid === two.publisher)).toEqual(new Set([two.publisher]))
    expect(await verifiedSigners({ ...envelope, payloadType: 'u' }, anyone)).toEqual(new Set())
    expect(await verifiedSigners({ ...envelope, payload: text('y') }, anyone)).toEqual(new Set())
  })

  it.each([
    ['no peer id', 'nobody'],
    ['a peer id in another form', 'bafzaajaiaejca'],
    ['no text', ''],
    ['a peer id of an RSA key', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'],
  ])('passes over %s', async (_, keyid) => {
    const { signatures, ...envelope } = await sealed('t', text('x'), 1)
    const forged = signatures.map(({ sig }) => ({ keyid, sig }))
    expect(await verifiedSigners({ ...envelope, signatures: forged }, anyone)).toEqual(new Set())
  })

  it.each([0, 63, 65, 1000])('passes over a signature of %i bytes', async (length) => {
    const { signatures, ...envelope } = await sealed('t', text('x'), 1)
    const forged = signatures.map(({ keyid }) => ({ keyid, sig: new Uint8Array(length) }))
    expect(await verifiedSigners({ ...envelope, signatures: forged }, anyone)).toEqual(new Set())
  })
})

describe('parsing an envelope', () => {
  const good = { payloadType: 't', payload: text('x'), signatures: [{ keyid: 'k', sig: text('s') }] }
  it.each<[string, unknown]>([
    ['a missing field', { payloadType: 't', payload: text('x') }],
    ['a payload of text', { ...good, payload: 'x' }],
    ['no signature', { ...good, signatures: [] }],
    ['65 signatures', { ...good, signatures: Array.from({ length: 65 }, () => good.signatures[0]) }],
    ['a field that nobody knows', { ...good, more: 1 }],
    ['a list', [good]],
    ['nothing', null],
  ])('refuses %s', (_, value) => expect(parseEnvelope(encodeValue(value))).toBeUndefined())

  it('refuses what is no DAG-CBOR', () => {
    expect(parseEnvelope(new Uint8Array())).toBeUndefined()
    expect(parseEnvelope(text('{"payload":""}'))).toBeUndefined()
    expect(parseEnvelope(Buffer.concat([encodeValue(good), Uint8Array.of(0)]))).toBeUndefined()
  })

  it('takes a good one', () => expect(parseEnvelope(encodeValue(good))).toEqual(good))
})
