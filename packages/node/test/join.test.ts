import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createNetworkKey, encodeTicket, loadIdentity, peerIdOf } from '@hubmesh/trust'
import { beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../src/config.ts'
import { joinMesh } from '../src/join.ts'
import { findMembership } from '../src/membership.ts'
import { readNetworkKey } from '../src/network-key.ts'
import { useTempHome } from './temp-home.ts'

const home = useTempHome()
const networkKey = createNetworkKey()
let seed: string
let other: string

beforeEach(async () => {
  seed = peerIdOf(await loadIdentity(join(home.path, 'seed.key')))
  other = peerIdOf(await loadIdentity(join(home.path, 'other.key')))
})

const office = (): string => join(home.path, 'office')
const ticketOf = (publisher: string, key = networkKey): string =>
  encodeTicket({
    networkKey: key,
    addresses: [`/ip4/192.0.2.1/tcp/8643/p2p/${publisher}`],
    publishers: [publisher],
    site: 'hq',
  })

describe('joining', () => {
  it('writes the key, the addresses and the trust rule, each for the owner alone', async () => {
    const result = await joinMesh(office(), [ticketOf(seed)])
    expect(result).toMatchObject({ trusts: [seed], issuerSite: 'hq' })
    expect(await readNetworkKey(office())).toEqual(networkKey)
    expect(await loadConfig(office())).toMatchObject({
      mesh: { join: [`/ip4/192.0.2.1/tcp/8643/p2p/${seed}`] },
      trust: [{ publishers: [seed], threshold: 1, repos: ['**'] }],
    })
    expect((await loadConfig(office())).site).toBeUndefined()
    for (const name of ['network.key', 'hubmesh.yaml'])
      expect((await stat(join(office(), name))).mode & 0o777).toBe(0o600)
    expect((await stat(office())).mode & 0o777).toBe(0o700)
  })

  it('takes --trust instead of the ticket, and --site', async () => {
    await joinMesh(office(), [ticketOf(seed)], { trust: [other], site: 'berlin' })
    expect(await loadConfig(office())).toMatchObject({ site: 'berlin', trust: [{ publishers: [other] }] })
  })

  it('keeps what the configuration says, its comments too', async () => {
    await writeFile(
      join(home.path, 'hubmesh.yaml'),
      '# ours\nmesh:\n  mdns: false # no multicast here\nfollow: eager\n',
    )
    await joinMesh(home.path, [ticketOf(seed)])
    const text = await readFile(join(home.path, 'hubmesh.yaml'), 'utf8')
    expect(text).toContain('# ours\n')
    expect(text).toContain('mdns: false # no multicast here')
    expect(await loadConfig(home.path)).toMatchObject({ follow: 'eager', mesh: { mdns: false } })
  })

  it('adds a second publisher to the rule that would else hide it, and nothing twice', async () => {
    await joinMesh(office(), [ticketOf(seed)])
    await joinMesh(office(), [ticketOf(other)])
    await joinMesh(office(), [ticketOf(other)])
    const { trust, mesh } = await loadConfig(office())
    expect(trust).toEqual([{ publishers: [seed, other], threshold: 1, repos: ['**'] }])
    expect(mesh.join).toHaveLength(2)
  })

  it('keeps the key that it replaces', async () => {
    await joinMesh(office(), [ticketOf(seed)])
    const next = createNetworkKey()
    await joinMesh(office(), [ticketOf(seed, next)])
    expect(await readNetworkKey(office())).toEqual(next)
    expect(await readFile(join(office(), 'network.key.old'), 'utf8')).toContain(Buffer.from(networkKey).toString('hex'))
  })
})

describe('what cannot be joined leaves no trace', () => {
  it('a ticket with a typo', async () => {
    const typo = `${ticketOf(seed).slice(0, 40)}x${ticketOf(seed).slice(41)}`
    await expect(joinMesh(office(), [typo])).rejects.toMatchObject({
      code: 'config',
      message: expect.not.stringContaining(typo.slice(8, 30)),
    })
    expect(await readdir(home.path)).not.toContain('office')
  })

  it('tickets of two meshes, a publisher that is none, a site that is none', async () => {
    await expect(joinMesh(office(), [ticketOf(seed), ticketOf(seed, createNetworkKey())])).rejects.toMatchObject({
      code: 'usage',
    })
    await expect(joinMesh(office(), [ticketOf(seed)], { trust: ['me'] })).rejects.toMatchObject({ code: 'config' })
    await expect(joinMesh(office(), [ticketOf(seed)], { site: 'a b' })).rejects.toMatchObject({ code: 'usage' })
    expect(await readdir(home.path)).not.toContain('office')
  })

  it('a home whose configuration cannot be read keeps its key', async () => {
    await joinMesh(office(), [ticketOf(seed)])
    await writeFile(join(office(), 'hubmesh.yaml'), 'sead: true\n')
    await expect(joinMesh(office(), [ticketOf(seed, createNetworkKey())])).rejects.toMatchObject({ code: 'config' })
    expect(await readNetworkKey(office())).toEqual(networkKey)
  })
})

describe('the mesh of a home', () => {
  it('is its own after a first start without a ticket, and the same at the next', async () => {
    const first = await findMembership(home.path, [])
    expect(first).toMatchObject({ bootstrap: [] })
    expect(first.problem).toBeUndefined()
    expect(await findMembership(home.path, [])).toEqual(first)
  })

  it('is none when only an address was given: no key is kept, so that a ticket can still join', async () => {
    const address = `/ip4/192.0.2.1/tcp/8643/p2p/${seed}`
    const membership = await findMembership(home.path, [address])
    expect(membership).toMatchObject({ bootstrap: [], problem: expect.stringContaining('ticket') })
    expect(await readNetworkKey(home.path)).toBeUndefined()
    await joinMesh(home.path, [ticketOf(seed)])
    expect(await findMembership(home.path, [address])).toEqual({ networkKey, bootstrap: [address] })
  })

  it('is not guessed from a broken key', async () => {
    await writeFile(join(home.path, 'network.key'), 'half')
    await expect(findMembership(home.path, [])).rejects.toMatchObject({ code: 'config' })
    expect(await readFile(join(home.path, 'network.key'), 'utf8')).toBe('half')
  })
})
