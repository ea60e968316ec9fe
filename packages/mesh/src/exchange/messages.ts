import {
  MAX_ENVELOPE_BYTES,
  encodeValue,
  decodeValue,
  linkSchema,
  parseAs,
  MeshError,
  PRIORITIES,
} from '@hubmesh/content'
import { Uint8ArrayList } from 'uint8arraylist'
import { z } from 'zod'
import { MAX_HAS_INDEXES, MAX_HEADER_BYTES, MAX_SET_CHUNKS, MAX_SIGNATURES, MAX_SITE_LENGTH } from '../limits.ts'

/** What is said on an exchange stream; PROTOCOL.md has the meaning of each message. The opener asks, the other answers. */

export const EXCHANGE = '/hubmesh/exchange/1.0.0'
const PROTOCOL_VERSION = 1
/** The feature of who lets a peer open further connections, with a stream for chunks on each. */
export const FURTHER_CONNECTIONS = 'further-connections'

const HEADER_LENGTH_BYTES = 2
const id = z.number().int().min(0).max(0xffffffff)
const index = z
  .number()
  .int()
  .min(0)
  .max(MAX_SET_CHUNKS - 1)
const hello = z.looseObject({
  type: z.literal('hello'),
  version: z.literal(PROTOCOL_VERSION),
  site: z.string().max(MAX_SITE_LENGTH),
  role: z.enum(['seed', 'peer']),
  features: z.array(z.string().max(32)).max(16),
})

export const requestSchema = z.discriminatedUnion('type', [
  hello,
  z.looseObject({ type: z.literal('heads') }),
  z.looseObject({ type: z.literal('block'), id, cid: linkSchema }),
  z.looseObject({ type: z.literal('signatures'), id, manifest: linkSchema }),
  z.looseObject({ type: z.literal('open'), id, set: linkSchema }),
  z.looseObject({ type: z.literal('chunk'), id, set: linkSchema, index, priority: z.string().max(16).optional() }),
  z.looseObject({ type: z.literal('cancel'), id }),
])

export const answerSchema = z.discriminatedUnion('type', [
  hello,
  z.looseObject({ type: z.literal('head'), envelope: z.instanceof(Uint8Array).refine(isEnvelopeSize) }),
  z.looseObject({ type: z.literal('block'), id }),
  z.looseObject({
    type: z.literal('signatures'),
    id,
    signatures: z
      .array(z.looseObject({ keyid: z.string().min(1).max(128), sig: z.instanceof(Uint8Array).refine(isSignature) }))
      .max(MAX_SIGNATURES),
  }),
  z.looseObject({
    type: z.literal('have'),
    id,
    /** Chunks of the set; 0 while the giver has never heard of it. */
    length: z.number().int().min(0).max(MAX_SET_CHUNKS),
    /** Byte of the bitmap that the payload begins at. */
    at: z
      .number()
      .int()
      .min(0)
      .max(MAX_SET_CHUNKS / 8),
    complete: z.boolean(),
  }),
  z.looseObject({ type: z.literal('has'), id, indexes: z.array(index).max(MAX_HAS_INDEXES) }),
  z.looseObject({ type: z.literal('chunk'), id }),
  z.looseObject({
    type: z.literal('refusal'),
    id,
    reason: z.enum(['not-found', 'forbidden', 'busy']),
    /** Seconds. */
    retryAfter: z.number().min(0).max(3600).optional(),
  }),
])

/** What a chunk is asked for, the most urgent first. */
export const WIRE_PRIORITIES = [...PRIORITIES, 'repair'] as const
export type WirePriority = (typeof WIRE_PRIORITIES)[number]

/** Who does not say, or in words of a later version, is put in the middle. */
export const priorityOf = (text: string | undefined): WirePriority =>
  WIRE_PRIORITIES.find((known) => known === text) ?? 'ahead'

export type Hello = Pick<z.infer<typeof hello>, 'site' | 'role' | 'features'>
export type Request = z.infer<typeof requestSchema>
export type Answer = z.infer<typeof answerSchema>
export type Refusal = Extract<Answer, { type: 'refusal' }>

/** A frame's body: the header's length in two bytes, the header, the payload as it is. Nothing is joined. */
export const encodeMessage = (header: object, payload?: Uint8Array | Uint8ArrayList): Uint8ArrayList => {
  const encoded = encodeValue(header)
  if (encoded.length > MAX_HEADER_BYTES) throw new MeshError('bad-input', 'an exchange header of over 16 KiB')
  const frame = new Uint8ArrayList(Uint8Array.of(encoded.length >> 8, encoded.length & 0xff), encoded)
  if (payload !== undefined) frame.append(payload)
  return frame
}

export const helloMessage = (hello: Hello): Uint8ArrayList =>
  encodeMessage({ type: 'hello', version: PROTOCOL_VERSION, ...hello })

/** @throws MeshError `bad-bytes` for anything that the schema does not know */
export const decodeMessage = <T>(
  schema: z.ZodType<T>,
  frame: Uint8ArrayList,
): { message: T; payload: Uint8ArrayList } => {
  const length = frame.byteLength < HEADER_LENGTH_BYTES ? Infinity : (frame.get(0) << 8) | frame.get(1)
  const end = HEADER_LENGTH_BYTES + length
  if (length > MAX_HEADER_BYTES || end > frame.byteLength) throw new MeshError('bad-bytes', 'a frame without a header')
  const message = parseAs('exchange message', schema, decodeValue(frame.subarray(HEADER_LENGTH_BYTES, end)))
  return { message, payload: frame.sublist(end) }
}

function isEnvelopeSize(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.length <= MAX_ENVELOPE_BYTES
}

/** Ed25519 (RFC 8032, section 5.1.6). */
function isSignature(bytes: Uint8Array): boolean {
  return bytes.length === 64
}
