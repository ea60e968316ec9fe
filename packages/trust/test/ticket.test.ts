import { createHash } from 'node:crypto'
import { encodeValue, toBase32 } from '@hubmesh/content'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Ticket, createNetworkKey, decodeTicket, encodeTicket } from '../src/index.ts'
import { signerNumber } from './fixtures.ts'

let ticket: Ticket
let text: string

beforeAll(async () => {
  const { publisher } = await signerNumber(1)
  const addresses = [`/ip4/192.0.2.7/tcp/8643/p2p/${publisher}`, `/dns4/seed.example.org/tcp/8643/p2p/${publisher}`]
  ticket = { networkKey: createNetworkKey(), addresses, publishers: [publisher], site: 'hq-1' }
  text = encodeTicket(ticket)
})

const refused = expect.objectContaining({ code: 'config', hint: expect.any(String) })

describe('a ticket', () => {
  it('comes out as it went in, one word of letters and digits', () => {
    expect(text).toMatch(/^hubmesh1[a-z2-7]+$/)
    expect(decodeTicket(text)).toEqual(ticket)
    const { site: _, ...placeless } = ticket
    expect(decodeTicket(encodeTicket(placeless))).toEqual(placeless)
  })

  it('may be wrapped, padded with blanks, or in capitals', () => {
    expect(decodeTicket(`  ${text.slice(0, 50)}\r\n ${text.slice(50).toUpperCase()}\n`)).toEqual(ticket)
  })

  it('with a typo anywhere is refused in one line that does not quote it', () => {
    for (let at = 0; at < text.length; at += 1) {
      const typo = text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1)
      const error = caught(() => decodeTicket(typo))
      expect(error).toEqual(refused)
      expect(`${error.message} ${error.hint} ${String(error.cause)}`).not.toContain(text.slice(20, 40))
      expect(error.message).not.toContain('\n')
    }
  })

  it('that was cut off, or is none, is refused', () => {
    for (let end = 0; end < text.length; end += 1) expect(() => decodeTicket(text.slice(0, end))).toThrowError(refused)
    for (const other of ['', 'hubmesh1', 'hubmesh1!', 'hubmesh2abc', '/ip4/1.2.3.4', text + text, 'a'.repeat(20_000)])
      expect(() => decodeTicket(other)).toThrowError(refused)
  })

  it.each<[string, object]>([
    ['a newer version', { v: 2 }],
    ['a short key', { key: new Uint8Array(31) }],
    ['an address that is none', { at: ['http://example.org'] }],
    ['an address without a peer', { at: ['/ip4/192.0.2.7/tcp/8643'] }],
    ['an address with a line break', { at: ['/ip4/192.0.2.7/tcp/1\n/p2p/12D3KooW'] }],
    ['a hundred addresses', { at: Array.from({ length: 100 }, () => '/ip4/192.0.2.7/tcp/8643/p2p/12D3KooW') }],
    ['a publisher that is none', { by: ['me'] }],
    ['a site that is no name', { site: 'a b' }],
  ])('with %s is refused, however well it is made', (_, change) => {
    const body = encodeValue({ v: 1, key: new Uint8Array(32), at: [], by: [], ...change })
    const checksum = createHash('sha256').update(body).digest().subarray(0, 4)
    expect(() => decodeTicket(`hubmesh1${toBase32(Buffer.concat([body, checksum]))}`)).toThrowError(refused)
  })

  it('is not made of what could not be read again', () => {
    expect(() => encodeTicket({ ...ticket, networkKey: new Uint8Array(16) })).toThrowError(/no ticket can be made/)
    expect(() => encodeTicket({ ...ticket, publishers: ['me'] })).toThrowError(/no ticket can be made/)
  })
})

it('network keys are 32 random bytes', () => {
  expect(createNetworkKey()).toHaveLength(32)
  expect(createNetworkKey()).not.toEqual(createNetworkKey())
})

const caught = (attempt: () => unknown): Error & { hint?: string } => {
  try {
    attempt()
  } catch (error) {
    return error as Error & { hint?: string }
  }
  throw new Error('nothing was thrown')
}
