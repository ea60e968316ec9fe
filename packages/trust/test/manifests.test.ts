import { type Block, type RepoRef, type Signature, asGitOid, encodeBlock } from '@hubmesh/content'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Signer, type TrustPolicy, acceptManifest, createPolicy, signManifest } from '../src/index.ts'
import { REPO, REVISION, manifestOf, refusal, signerNumber } from './fixtures.ts'

let one: Signer
let two: Signer
let stranger: Signer
let root: Block

beforeAll(async () => {
  ;[one, two, stranger] = await Promise.all([signerNumber(1), signerNumber(2), signerNumber(3)])
  root = manifestOf()
})

const policyOf = (threshold: number, repos = ['**']): TrustPolicy =>
  createPolicy([{ publishers: [one.publisher, two.publisher], threshold, repos }])

const signedBy = (...signers: Signer[]): Promise<Signature[]> =>
  Promise.all(signers.map((signer) => signManifest(root, signer)))

const asked = { repo: REPO, revision: REVISION }

describe('a manifest', () => {
  it('is accepted with as many signatures as the rule asks for', async () => {
    expect(await acceptManifest(root, await signedBy(one), { policy: policyOf(1), ...asked })).toMatchObject({
      repo: REPO,
      revision: REVISION,
    })
    const signatures = await signedBy(stranger, two, one)
    expect(await acceptManifest(root, signatures, { policy: policyOf(2), ...asked })).toMatchObject({ repo: REPO })
  })

  it('is accepted when a bad signature stands beside enough good ones', async () => {
    const [good] = await signedBy(one)
    const bad = { keyid: one.publisher, sig: new Uint8Array(64) }
    expect(await acceptManifest(root, [bad, good!], { policy: policyOf(1), ...asked })).toBeDefined()
  })
})

describe('a manifest is refused as', () => {
  it('untrusted: no rule for the repo, or a first rule that matches and names others', async () => {
    const signatures = await signedBy(one)
    await refusal('untrusted', acceptManifest(root, signatures, { policy: policyOf(1, ['other/*']), ...asked }))
    const firstDecides = createPolicy([
      { publishers: [two.publisher], threshold: 1, repos: ['acme/*'] },
      { publishers: [one.publisher], threshold: 1, repos: ['**'] },
    ])
    const error = await refusal('untrusted', acceptManifest(root, signatures, { policy: firstDecides, ...asked }))
    expect(error.publisher).toBe(one.publisher)
  })

  it('untrusted: nobody, or only strangers, have signed', async () => {
    await refusal('untrusted', acceptManifest(root, [], { policy: policyOf(1), ...asked }))
    await refusal('untrusted', acceptManifest(root, await signedBy(stranger), { policy: policyOf(1), ...asked }))
  })

  it.each<[string, (signers: Signer[]) => Promise<Signature[]>]>([
    ['too few', ([a]) => signedBy(a!)],
    ['one signer twice', ([a]) => signedBy(a!, a!)],
    [
      'one signer under two names',
      async ([a, b]) => {
        const [{ sig, keyid }] = (await signedBy(a!)) as [Signature]
        return [
          { sig, keyid },
          { sig, keyid: b!.publisher },
        ]
      },
    ],
    ['a stranger for the second', ([a, , c]) => signedBy(a!, c!)],
    [
      'a signature of another manifest',
      async ([a, b]) => [...(await signedBy(a!)), await signManifest(manifestOf(REPO, asGitOid('b'.repeat(40))), b!)],
    ],
    [
      'a signature for another purpose',
      async ([a, b]) => [
        ...(await signedBy(a!)),
        await b!.sign('application/vnd.hubmesh.catalog.v1+dag-cbor', root.bytes),
      ],
    ],
  ])('signature: %s, where two are asked for', async (_, make) => {
    const signatures = await make([one, two, stranger])
    await refusal('signature', acceptManifest(root, signatures, { policy: policyOf(2), ...asked }))
  })

  it.each<[string, { repo: RepoRef; revision: string }]>([
    ['another revision', { repo: REPO, revision: 'b'.repeat(40) }],
    ['another repo', { repo: { type: 'model', id: 'acme/other' }, revision: REVISION }],
    ['another type', { repo: { type: 'dataset', id: REPO.id }, revision: REVISION }],
  ])('mix-and-match: %s than the catalog said', async (_, wanted) => {
    const error = await refusal(
      'mix-and-match',
      acceptManifest(root, await signedBy(one), { policy: policyOf(1), ...wanted }),
    )
    expect(error.publisher).toBe(one.publisher)
  })

  it('malformed: signed, but no manifest', async () => {
    const block = encodeBlock({ v: 1, hello: 'world' })
    const signatures = [await signManifest(block, one)]
    await refusal('malformed', acceptManifest(block, signatures, { policy: policyOf(1), ...asked }))
  })

  it('endless-data: more signatures than anyone needs', async () => {
    const [signature] = await signedBy(one)
    const signatures = Array.from({ length: 65 }, () => signature!)
    await refusal('endless-data', acceptManifest(root, signatures, { policy: policyOf(1), ...asked }))
  })
})
