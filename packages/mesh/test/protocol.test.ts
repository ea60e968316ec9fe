import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { Uint8ArrayList } from 'uint8arraylist'
import { link } from '@hubmesh/content'
import { answerSchema, decodeMessage, encodeMessage, requestSchema } from '../src/exchange/messages.ts'
import * as limits from '../src/limits.ts'
import { keyId } from '../src/node/fast-noise.ts'

/** PROTOCOL.md says what the code does. */

const text = await readFile(new URL('../PROTOCOL.md', import.meta.url), 'utf8')
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
}

const bounds = [...text.matchAll(/^\| `([A-Z_]+)` \| ([\d ]*\d)(?: (\w+))? \|/gm)].map(
  ([, name = '', digits = '', unit = '']) => ({
    name,
    value: Number(digits.replaceAll(' ', '')) * (UNITS[unit] ?? NaN),
  }),
)
const frames = [...text.matchAll(/^([<>]) (\w+) ([\da-f]+)$/gm)].map(([, side, type, hex = '']) => ({
  side,
  type,
  hex,
}))

/** Links are read as texts: made links again, to be written. */
const withLinks = (message: object): object =>
  Object.fromEntries(
    Object.entries(message).map(([name, value]) => [
      name,
      ['cid', 'manifest', 'set'].includes(name) ? link(value) : value,
    ]),
  )

describe('PROTOCOL.md', () => {
  it('has tables and examples', () => {
    expect(bounds.length).toBeGreaterThan(25)
    expect(frames.length).toBeGreaterThan(12)
  })

  it.each(bounds)('gives $name as it is', ({ name, value }) => {
    expect((limits as Readonly<Record<string, unknown>>)[name]).toBe(value)
  })

  it.each(frames)('shows a $type ($side) as it is written and read', ({ side, type, hex }) => {
    const schema = side === '>' ? requestSchema : answerSchema
    const { message, payload } = decodeMessage<{ type: string }>(schema, new Uint8ArrayList(Buffer.from(hex, 'hex')))
    expect(message.type).toBe(type)
    expect(Buffer.from(encodeMessage(withLinks(message), payload).subarray()).toString('hex')).toBe(hex)
  })

  it.each([
    ['>', requestSchema],
    ['<', answerSchema],
  ])('shows every message (%s), and no other', (side, schema) => {
    const known = schema.options.map(({ shape }) => shape.type.value)
    const shown = frames.filter((frame) => frame.side === side).map(({ type }) => type)
    expect(new Set(shown)).toEqual(new Set(known))
  })

  it('derives names from the network key as it says', () => {
    expect(text).toContain(`/hubmesh/noise/${keyId(new Uint8Array(32).fill(1))}`)
  })
})
