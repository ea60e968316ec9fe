import { type CatalogHead, type HeldHead, decodeValue, encodeValue, headValue } from '@hubmesh/content'
import { beforeAll, describe, expect, it } from 'vitest'
import { HEAD_TYPE, type Signer, type TrustPolicy, acceptHead, createPolicy, sealHead } from '../src/index.ts'
import { DAY, HOUR, NOW, from, headOf, refusal, signerNumber } from './fixtures.ts'

let seed: Signer
let other: Signer
let policy: TrustPolicy

beforeAll(async () => {
  ;[seed, other] = await Promise.all([signerNumber(1), signerNumber(2)])
  policy = createPolicy([{ publishers: [seed.publisher], threshold: 1, repos: ['**'] }])
})

const accept = (envelope: Uint8Array, held?: HeldHead | HeldHead[], now = NOW): Promise<HeldHead> =>
  acceptHead(envelope, { policy, held, now })

const hold = async (change: Partial<CatalogHead> = {}): Promise<HeldHead> => {
  const head = headOf(seed.publisher, change)
  return { head, envelope: await sealHead(head, seed), acceptedAt: from(-HOUR) }
}

/** Signs what sealHead would not. */
const sealAnything = async (value: unknown, signer: Signer = seed, payloadType = HEAD_TYPE): Promise<Uint8Array> => {
  const payload = encodeValue(value)
  return encodeValue({ payloadType, payload, signatures: [await signer.sign(payloadType, payload)] })
}

describe('a sealed head', () => {
  it('is accepted, comes out as it went in, and is under 1 KiB', async () => {
    const head = headOf(seed.publisher)
    const envelope = await sealHead(head, seed)
    expect(envelope.length).toBeLessThan(1024)
    expect(await accept(envelope)).toEqual({ head, envelope, acceptedAt: NOW.toISOString() })
  })

  it('keeps fields that this version does not know', async () => {
    const value = headValue({ ...headOf(seed.publisher), later: 'yes' } as CatalogHead)
    expect((await accept(await sealAnything(value))).head).toMatchObject({ later: 'yes' })
  })

  it('is sealed only by its publisher, and only when others would take it', async () => {
    await expect(sealHead(headOf(other.publisher), seed)).rejects.toMatchObject({ code: 'bad-input' })
    await expect(sealHead(headOf(seed.publisher, { sequence: 0.5 }), seed)).rejects.toMatchObject({ code: 'bad-bytes' })
    const long = { ...headOf(seed.publisher), note: 'x'.repeat(1024) } as CatalogHead
    await expect(sealHead(long, seed)).rejects.toMatchObject({ code: 'bad-input' })
  })
})

describe('a head is refused as', () => {
  it('endless-data: over 1 KiB, before anything is parsed', async () => {
    await refusal('endless-data', accept(new Uint8Array(1025)))
  })

  it.each<[string, () => Promise<Uint8Array>]>([
    ['no CBOR', async () => Buffer.from('not an envelope')],
    ['nothing', async () => new Uint8Array()],
    ['another type of payload', () => sealAnything(headValue(headOf(seed.publisher)), seed, 'text/plain')],
    ['a payload that is no head', () => sealAnything({ v: 1 })],
    ['a newer version', () => sealAnything({ ...Object(headValue(headOf(seed.publisher))), v: 2 })],
    ['a sequence of a day and an hour ahead', () => sealHead(headOf(seed.publisher, ahead(DAY + HOUR)), seed)],
    ['the largest sequence', () => sealHead(headOf(seed.publisher, { sequence: Number.MAX_SAFE_INTEGER }), seed)],
  ])('malformed: %s', async (_, make) => {
    await refusal('malformed', accept(await make()))
  })

  it('malformed: two signatures', async () => {
    const payload = encodeValue(headValue(headOf(seed.publisher)))
    const signatures = await Promise.all([seed, other].map((signer) => signer.sign(HEAD_TYPE, payload)))
    await refusal('malformed', accept(encodeValue({ payloadType: HEAD_TYPE, payload, signatures })))
  })

  it('untrusted: a publisher that no rule names', async () => {
    const error = await refusal('untrusted', accept(await sealHead(headOf(other.publisher), other)))
    expect(error.publisher).toBe(other.publisher)
  })

  it('signature: signed by a trusted publisher for another', async () => {
    await refusal('signature', accept(await sealAnything(headValue(headOf(other.publisher)))))
  })

  it('signature: the right name under a wrong key', async () => {
    const payload = encodeValue(headValue(headOf(seed.publisher)))
    const { sig } = await other.sign(HEAD_TYPE, payload)
    const signatures = [{ keyid: seed.publisher, sig }]
    const error = await refusal('signature', accept(encodeValue({ payloadType: HEAD_TYPE, payload, signatures })))
    expect(error.publisher).toBe(seed.publisher)
  })

  it('rollback: a lower sequence than the one held', async () => {
    const old = await sealHead(headOf(seed.publisher, ahead(-1)), seed)
    await refusal('rollback', accept(old, await hold()))
  })

  it('equivocation: the sequence held, with other content', async () => {
    const twin = await sealHead(headOf(seed.publisher, { expires: from(8 * DAY) }), seed)
    await refusal('equivocation', accept(twin, await hold()))
  })

  it('expired: over its date when it is new here, also to the millisecond', async () => {
    await refusal('expired', accept(await sealHead(headOf(seed.publisher, { expires: from(0) }), seed)))
    await refusal(
      'expired',
      accept(await sealHead(headOf(seed.publisher, { expires: from(-DAY) }), seed), await hold(ahead(-1))),
    )
  })
})

describe('beside the refusals', () => {
  it('a higher sequence replaces the one held, up to a day ahead', async () => {
    const envelope = await sealHead(headOf(seed.publisher, ahead(DAY)), seed)
    expect((await accept(envelope, await hold())).envelope).toBe(envelope)
  })

  it('what is held is accepted again as it is, also when it has expired since', async () => {
    const held = await hold()
    expect(await accept(Uint8Array.from(held.envelope), held)).toBe(held)
    expect(await accept(held.envelope, held, new Date(NOW.getTime() + 30 * DAY))).toBe(held)
  })

  it('finds the one to compare with among all that are held', async () => {
    const otherAudience = await hold({ audience: 'lab', ...ahead(HOUR) })
    const elsewhere = { ...(await hold(ahead(HOUR))), head: headOf(other.publisher, ahead(HOUR)) }
    const envelope = await sealHead(headOf(seed.publisher), seed)
    expect((await accept(envelope, [otherAudience, elsewhere])).envelope).toBe(envelope)
    await refusal('rollback', accept(envelope, [elsewhere, await hold(ahead(1))]))
  })
})

describe('every bit of an envelope counts', () => {
  it('a changed byte is refused, whichever it is', async () => {
    const envelope = await sealHead(headOf(seed.publisher), seed)
    const kinds = new Map<string, number>()
    for (let at = 0; at < envelope.length; at += 1) {
      for (const mask of [0x01, 0x20, 0x80]) {
        const changed = Uint8Array.from(envelope)
        changed[at]! ^= mask
        const error = await acceptHead(changed, { policy, now: NOW }).then(
          () => new Error(`byte ${at} does not count`),
          (reason: unknown) => reason,
        )
        expect(error).toMatchObject({ code: 'refused' })
        const { kind } = error as { kind: string }
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      }
    }
    expect([...kinds.keys()].toSorted()).toEqual(['malformed', 'signature', 'untrusted'])
  })

  it('a part of it is refused, wherever it ends, and so is one byte more', async () => {
    const envelope = await sealHead(headOf(seed.publisher), seed)
    for (let end = 0; end < envelope.length; end += 1) await refusal('malformed', accept(envelope.subarray(0, end)))
    await refusal('malformed', accept(Buffer.concat([envelope, Uint8Array.of(0)])))
  })

  it('a signed envelope is plain DAG-CBOR of DSSE', async () => {
    expect(decodeValue(await sealHead(headOf(seed.publisher), seed))).toMatchObject({
      payloadType: 'application/vnd.hubmesh.catalog.v1+dag-cbor',
      signatures: [{ keyid: seed.publisher }],
    })
  })
})

const ahead = (milliseconds: number): { sequence: number } => ({ sequence: NOW.getTime() + milliseconds })
