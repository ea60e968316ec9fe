import { DIAL_TIMEOUT, SECOND } from '../limits.ts'

/** Why the other side ends a connection that has only just come about. */
export const CLOSED_AT_ONCE =
  'it closes each connection at once: it may have banned this node, or have as many connections as it takes'

const CLOSED = 'it closed the connection'

/** Which errors of a dial have which likely reason. libp2p's classes may be there twice: names, codes and texts tell. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/Remote closed connection during opening/, CLOSED_AT_ONCE], // while the first stream was being opened
  [/UnsupportedProtocolError/, 'it speaks no version of the exchange that this node knows'],
  [/ENOTFOUND|EAI_AGAIN|EAI_NODATA/, 'its name does not resolve'],
  [/ECONNREFUSED/, 'connection refused: no node runs there, or on another port'],
  [/EHOSTUNREACH|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL/, 'no route to it: this machine may be offline'],
  [
    /does not match expected remote identity/,
    'another node answers there: it has a new identity, or the address is old',
  ],
  [
    /EncryptionFailedError.*could not negotiate|handshake stage|Invalid chacha20poly1305/,
    'the handshake failed: it has another network key',
  ],
  [/EncryptionFailedError/, 'the handshake failed: what answers there is no node of this mesh'],
  [/TimeoutError|AbortError/, `no answer within ${DIAL_TIMEOUT / SECOND} s: a firewall may be in the way`],
  [/DialDeniedError/, 'it is banned here'],
  [/NoValidAddressesError/, 'this node has no transport for such an address'],
  [/Can not dial self/, 'that is this node itself'],
  [/ECONNRESET|EPIPE|Unexpected EOF/, CLOSED],
]

/** The likely reason why a dial, or the first words after it, failed: for the person who runs the node. */
export const whyUnreached = (error: unknown): string => {
  const text = textOf(error)
  const known = REASONS.find(([pattern]) => pattern.test(text))
  return known?.[1] ?? (error instanceof Error ? error.message : String(error)).slice(0, 200)
}

/** The same of a connection that has come about, and on which nothing could be asked: who closes it then does so each time. */
export const whyUnasked = (error: unknown): string => {
  const why = whyUnreached(error)
  return why === CLOSED ? CLOSED_AT_ONCE : why
}

/** Several addresses of one name fail each for itself. */
const textOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const inner: unknown[] = [...('errors' in error && Array.isArray(error.errors) ? error.errors : []), error.cause]
  const own = `${error.name} ${'code' in error ? String(error.code) : ''} ${error.message}`
  return [own, ...inner.filter((one) => one !== undefined).map(textOf)].join(' ')
}
