import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { type ICryptoInterface, noise } from '@chainsafe/libp2p-noise'
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto'
import type { ConnectionEncrypter, MessageStream, PeerId } from '@libp2p/interface'
import { own } from '@hubmesh/content'
import { Uint8ArrayList } from 'uint8arraylist'
import { OWNED_BYTES } from '../limits.ts'
import { writeWhole } from './whole-writes.ts'

type Bytes = Uint8Array | Uint8ArrayList
type NoiseFactory = ReturnType<typeof noise>

/**
 * Noise under a name of our own, bound to one network key by its prologue: a stranger's handshake fails before any
 * protocol of ours is offered. The name shows a hash of the key, which tells nothing of the key itself.
 */
export const meshNoise =
  (
    networkKey: Uint8Array,
    onBytes: OnBytes = () => {},
  ): ((components: Parameters<NoiseFactory>[0]) => ConnectionEncrypter) =>
  (components) => {
    const part = (info: string): Uint8Array => new Uint8Array(hkdfSync('sha256', networkKey, '', `hubmesh ${info}`, 32))
    const encrypter = noise({ prologueBytes: part('prologue'), crypto: fastNoiseCrypto })(components)
    return Object.assign(afterHandshake(encrypter, onBytes), { protocol: `/hubmesh/noise/${keyId(networkKey)}` })
  }

/** Names a network key without telling it: in the noise protocol's name, and in mDNS. */
export const keyId = (networkKey: Uint8Array): string =>
  Buffer.from(hkdfSync('sha256', networkKey, '', 'hubmesh key id', 32)).toString('hex', 0, 8)

/** Bytes have come from a peer, of whatever they are a part. */
export type OnBytes = (peerId: string, count: number, connection: MessageStream) => void

const afterHandshake = (encrypter: ConnectionEncrypter, onBytes: OnBytes): ConnectionEncrypter => {
  const watch = <T extends Secured>(connection: MessageStream, secured: T): T => {
    const peerId = secured.remotePeer.toString()
    connection.addEventListener('message', ({ data }) => onBytes(peerId, data.byteLength, connection))
    copyWhenFull(secured.connection)
    writeWhole(connection)
    return secured
  }
  const secureInbound = encrypter.secureInbound.bind(encrypter)
  const secureOutbound = encrypter.secureOutbound.bind(encrypter)
  encrypter.secureInbound = async (connection, options) => watch(connection, await secureInbound(connection, options))
  encrypter.secureOutbound = async (connection, options) => watch(connection, await secureOutbound(connection, options))
  return encrypter
}

interface Secured {
  readonly connection: MessageStream
  readonly remotePeer: PeerId
}

/**
 * While the socket is full, an encrypted connection keeps plaintext by reference until it can go on. A sender that reuses
 * its buffers as soon as they have left its stream would overwrite it: then, and only then, the bytes are copied.
 */
const copyWhenFull = (connection: MessageStream): void => {
  const send = connection.send.bind(connection)
  connection.send = (data) => send(connection.writableNeedsDrain ? data.slice() : data)
}

const CIPHER = 'chacha20-poly1305'
const TAG_BYTES = 16
/** Two keys a connection, for its life. */
const imported = new WeakMap<Uint8Array, KeyObject>()

/** The default's bytes on the wire (RFC 8439), with nothing joined or copied twice. */
const aead = {
  chaCha20Poly1305Encrypt: (plaintext: Bytes, nonce: Uint8Array, ad: Uint8Array, key: Uint8Array): Uint8ArrayList => {
    const cipher = createCipheriv(CIPHER, keyObject(key), nonce, { authTagLength: TAG_BYTES })
    if (ad.length > 0) cipher.setAAD(ad, { plaintextLength: plaintext.byteLength })
    const sealed = new Uint8ArrayList()
    for (const part of partsOf(plaintext)) {
      const bytes = cipher.update(part)
      if (bytes.length >= OWNED_BYTES) own(bytes) // freed when the socket has taken them
      sealed.append(bytes)
    }
    cipher.final()
    sealed.append(cipher.getAuthTag())
    return sealed
  },

  // A fifth argument, where to decrypt to, is left unused on purpose: it is the socket's own buffer.
  chaCha20Poly1305Decrypt: (sealed: Bytes, nonce: Uint8Array, ad: Uint8Array, key: Uint8Array): Uint8ArrayList => {
    const length = sealed.byteLength - TAG_BYTES
    const decipher = createDecipheriv(CIPHER, keyObject(key), nonce, { authTagLength: TAG_BYTES })
    decipher.setAuthTag(sealed.subarray(length))
    if (ad.length > 0) decipher.setAAD(ad, { plaintextLength: length })
    const plaintext = new Uint8ArrayList()
    const body = sealed instanceof Uint8Array ? sealed.subarray(0, length) : sealed.sublist(0, length)
    for (const part of partsOf(body)) plaintext.append(plain(decipher.update(part)))
    decipher.final() // throws if the tag is wrong, before anything was handed out
    return plaintext
  },
}

/** Noise has a copy of its own of the list type, of an older version with the same shape. */
const fastNoiseCrypto = { ...defaultCrypto, ...aead } as unknown as ICryptoInterface

/** Not a Buffer, whose `slice` would share what callers take for a copy. */
const plain = ({ buffer, byteOffset, byteLength }: Buffer): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength)

const keyObject = (key: Uint8Array): KeyObject => {
  const known = imported.get(key)
  if (known !== undefined) return known
  const fresh = createSecretKey(key)
  imported.set(key, fresh)
  return fresh
}

const partsOf = (bytes: Bytes): Iterable<Uint8Array> => (bytes instanceof Uint8Array ? [bytes] : bytes)
