import { readFile } from 'node:fs/promises'
import { verifyBlock, parseCid } from '@hubmesh/content'
import { describe, expect, it } from 'vitest'
import { acceptHead, acceptManifest, createPolicy, decodeTicket } from '../src/index.ts'
import { NOW, REPO, REVISION } from './fixtures.ts'
import { signatureVectors } from './vector-cases.ts'

type Vectors = Awaited<ReturnType<typeof signatureVectors>>

const file = new URL('vectors/signatures.json', import.meta.url)
const vectors = JSON.parse(await readFile(file, 'utf8')) as Vectors
const policy = createPolicy([{ publishers: [vectors.publisher], threshold: 1, repos: ['**'] }])
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

describe('golden signatures', () => {
  it('are made so', async () => expect(await signatureVectors()).toEqual(vectors))

  it('of a head are accepted', async () => {
    const held = await acceptHead(bytes(vectors.head.envelope), { policy, now: NOW })
    expect(held.head).toEqual(vectors.head.head)
  })

  it('of a manifest are accepted', async () => {
    const { root, cid, keyid, sig } = vectors.manifest
    const block = verifyBlock(parseCid(cid), bytes(root))
    const accepted = acceptManifest(block, [{ keyid, sig: bytes(sig) }], { policy, repo: REPO, revision: REVISION })
    expect(await accepted).toMatchObject({ repo: REPO, revision: REVISION })
  })

  it('and the golden ticket is read', () => {
    const { text, networkKey, ...ticket } = vectors.ticket
    expect(decodeTicket(text)).toEqual({ ...ticket, networkKey: bytes(networkKey) })
  })
})
