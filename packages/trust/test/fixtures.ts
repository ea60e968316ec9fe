import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import {
  type Block,
  type CatalogHead,
  type CommitInfo,
  type RepoRef,
  asGitOid,
  blockCid,
  encodeManifest,
  sha256Of,
} from '@hubmesh/content'
import { expect } from 'vitest'
import { type PrivateKey, RefusedError, type Signer, createSigner } from '../src/index.ts'

/** The same key for the same number, every time. */
const keyNumber = (number: number): Promise<PrivateKey> =>
  generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(number))

export const signerNumber = async (number: number): Promise<Signer> => createSigner(await keyNumber(number))

export const NOW = new Date('2026-11-24T12:00:00.000Z')
export const HOUR = 60 * 60 * 1000
export const DAY = 24 * HOUR
export const from = (milliseconds: number): string => new Date(NOW.getTime() + milliseconds).toISOString()

export const headOf = (publisher: string, change: Partial<CatalogHead> = {}): CatalogHead => ({
  v: 1,
  publisher,
  audience: 'mesh',
  sequence: NOW.getTime(),
  issued: from(0),
  expires: from(7 * DAY),
  root: blockCid(sha256Of(Buffer.from('root'))),
  ...change,
})

export const REPO: RepoRef = { type: 'model', id: 'acme/voice' }
export const REVISION = asGitOid('a'.repeat(40))
const COMMIT: CommitInfo = { id: REVISION, title: 'first', date: from(0) }

export const manifestOf = (repo: RepoRef = REPO, revision = REVISION): Block =>
  encodeManifest({
    repo,
    revision,
    createdAt: from(0),
    upstream: 'publish',
    info: {},
    commit: { ...COMMIT, id: revision },
    entries: [],
  }).root

/** Expects a refusal of this kind, and hands it out. */
export const refusal = async (kind: string, attempt: Promise<unknown>): Promise<RefusedError> => {
  const error: unknown = await attempt.then(
    () => new Error('it was accepted'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof RefusedError)) throw error
  expect(error).toMatchObject({ code: 'refused', kind })
  return error
}
