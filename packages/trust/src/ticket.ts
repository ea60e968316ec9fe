import { createHash, randomBytes } from 'node:crypto'
import { MeshError, decodeValue, encodeValue, fromBase32, toBase32 } from '@hubmesh/content'
import { z } from 'zod'
import { isPublisherId } from './identity.ts'

/** All that a node needs to join: a secret, since it holds the network key. */
export interface Ticket {
  /** 32 bytes. */
  readonly networkKey: Uint8Array
  /** Multiaddrs with `/p2p/<peer id>`, at most 16. */
  readonly addresses: readonly string[]
  /** Peer ids that the new node is to trust, at most 16. */
  readonly publishers: readonly string[]
  /** The issuer's site: a hint for the person who joins, never taken over. */
  readonly site?: string | undefined
}

const PREFIX = 'hubmesh1'
const NETWORK_KEY_BYTES = 32
/** Of sha256: a typo passes once in four billion times. */
const CHECKSUM_BYTES = 4
/** 16 addresses of 255 characters and the rest fit well. */
const MAX_TICKET_CHARACTERS = 10_000

// Short names: a ticket is read out, pasted and wrapped.
const ticketSchema = z.looseObject({
  v: z.literal(1),
  key: z.instanceof(Uint8Array).refine((key) => key.length === NETWORK_KEY_BYTES),
  at: z
    .array(
      z
        .string()
        .max(255)
        .regex(/^(?:\/[\w.:%+-]+)+\/p2p\/\w+$/),
    )
    .max(16),
  by: z.array(z.string().refine(isPublisherId)).max(16),
  site: z
    .string()
    .regex(/^[\w.-]{1,64}$/)
    .optional(),
})

/** 32 random bytes: only who has them gets through the handshake. */
export const createNetworkKey = (): Uint8Array => new Uint8Array(randomBytes(NETWORK_KEY_BYTES))

/**
 * `hubmesh1` and base32 of DAG-CBOR and a checksum: one word to paste.
 * @throws MeshError `config` when it holds what decodeTicket would refuse
 */
export const encodeTicket = (ticket: Ticket): string => {
  const { networkKey: key, addresses: at, publishers: by, site } = ticket
  const value = { v: 1, key, at: [...at], by: [...by], ...(site === undefined ? {} : { site }) }
  if (!ticketSchema.safeParse(value).success)
    throw new MeshError('config', 'no ticket can be made of this network key, these addresses and publishers')
  const body = encodeValue(value)
  return PREFIX + toBase32(Buffer.concat([body, checksum(body)]))
}

/**
 * Parses a ticket; blanks and line breaks that mail or a terminal put into it do not matter.
 * @throws MeshError `config`, one line that never quotes the ticket
 */
export const decodeTicket = (text: string): Ticket => {
  if (text.length > MAX_TICKET_CHARACTERS) throw unreadable('is far too long')
  const word = text.replaceAll(/\s/g, '').toLowerCase()
  if (!word.startsWith(PREFIX)) throw unreadable(`does not begin with ${PREFIX}`)
  const body = unwrap(word.slice(PREFIX.length))
  const parsed = ticketSchema.safeParse(valueOf(body))
  if (!parsed.success) throw unreadable('is of a version or form that is not known here', 'update this node')
  const { key, at, by, site } = parsed.data
  return { networkKey: key, addresses: at, publishers: by, ...(site === undefined ? {} : { site }) }
}

const unwrap = (text: string): Uint8Array => {
  let bytes: Uint8Array
  try {
    bytes = fromBase32(text)
  } catch {
    throw unreadable('has a letter that no ticket has, or was cut off') // without the cause, which might quote it
  }
  const body = bytes.subarray(0, -CHECKSUM_BYTES)
  if (Buffer.compare(checksum(body), bytes.subarray(-CHECKSUM_BYTES)) !== 0)
    throw unreadable('has a typo or was cut off: its checksum does not match')
  return body
}

const valueOf = (body: Uint8Array): unknown => {
  try {
    return decodeValue(body)
  } catch {
    throw unreadable('holds nothing that can be read') // without the cause, which might quote it
  }
}

const checksum = (body: Uint8Array): Uint8Array =>
  createHash('sha256').update(body).digest().subarray(0, CHECKSUM_BYTES)

const unreadable = (what: string, hint = 'copy the last line that `hubmesh ticket` prints, all of it'): MeshError =>
  new MeshError('config', `the ticket ${what}`, { hint })
