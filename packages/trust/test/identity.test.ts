import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isPublisherId, loadIdentity, peerIdOf } from '../src/index.ts'

let home: string
let path: string

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'hubmesh-identity-'))
  path = join(home, 'identity.key')
})
afterEach(() => rm(home, { recursive: true, force: true }))

const modeOf = async (): Promise<number> => (await stat(path)).mode & 0o777

describe('an identity', () => {
  it('is made once, for its owner alone, and is the same ever after', async () => {
    const key = await loadIdentity(path)
    expect(peerIdOf(key)).toMatch(/^12D3KooW/)
    expect(await modeOf()).toBe(0o600)
    expect(peerIdOf(await loadIdentity(path))).toBe(peerIdOf(key))
    expect(await readdir(home)).toEqual(['identity.key'])
  })

  it('is one, also when several start at once', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadIdentity(path)))
    expect(new Set(keys.map(peerIdOf)).size).toBe(1)
    expect(await readdir(home)).toEqual(['identity.key'])
  })

  it("is libp2p's own protobuf", async () => {
    const key = await generateKeyPair('Ed25519')
    await writeFile(path, privateKeyToProtobuf(key), { mode: 0o600 })
    expect(peerIdOf(await loadIdentity(path))).toBe(key.publicKey.toString())
  })

  it('that others could read is closed to them', async () => {
    const key = await loadIdentity(path)
    await chmod(path, 0o644)
    expect(peerIdOf(await loadIdentity(path))).toBe(peerIdOf(key))
    expect(await modeOf()).toBe(0o600)
  })

  it('that its owner may only read stays so', async () => {
    await loadIdentity(path)
    await chmod(path, 0o400)
    await loadIdentity(path)
    expect(await modeOf()).toBe(0o400)
  })
})

describe('what cannot be read is refused and left as it is', () => {
  const refused = expect.objectContaining({
    code: 'config',
    hint: expect.any(String),
    message: expect.stringContaining('identity'),
  })

  it.each<[string, (good: Uint8Array) => Uint8Array]>([
    ['nothing in it', () => new Uint8Array()],
    ['garbage', () => Buffer.from('not a key')],
    ['half a key', (good) => good.subarray(0, 34)],
    ['a changed private half', (good) => flip(good, 10)],
    ['a changed public half', (good) => flip(good, 60)],
    ['far too much', () => new Uint8Array(5000)],
  ])('%s', async (_, change) => {
    await loadIdentity(path)
    const bytes = change(new Uint8Array(await readFile(path)))
    await writeFile(path, bytes)
    await expect(loadIdentity(path)).rejects.toEqual(refused)
    expect(new Uint8Array(await readFile(path))).toEqual(Uint8Array.from(bytes))
  })

  it('a key of another type', async () => {
    await writeFile(path, privateKeyToProtobuf(await generateKeyPair('secp256k1')), { mode: 0o600 })
    await expect(loadIdentity(path)).rejects.toThrowError(/secp256k1/)
  })

  it('a folder', async () => {
    await mkdir(path)
    await expect(loadIdentity(path)).rejects.toEqual(refused)
  })

  it('no folder to make it in', async () => {
    await expect(loadIdentity(join(home, 'none', 'identity.key'))).rejects.toEqual(refused)
  })

  it.skipIf(process.getuid?.() === 0)('no permission', async () => {
    await loadIdentity(path)
    await chmod(path, 0o000)
    await expect(loadIdentity(path)).rejects.toEqual(refused)
  })
})

describe('publisher ids', () => {
  it.each(['', 'me', '12D3KooW', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', 'x'.repeat(5000)])(
    'are not %j',
    (text) => expect(isPublisherId(text)).toBe(false),
  )

  it('have one form each', async () => {
    const key = await loadIdentity(path)
    expect(isPublisherId(peerIdOf(key))).toBe(true)
    expect(isPublisherId(key.publicKey.toCID().toString())).toBe(false)
  })
})

const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))
