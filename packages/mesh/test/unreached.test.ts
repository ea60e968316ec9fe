import { createServer } from 'node:net'
import { once } from 'node:events'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { afterEach, describe, expect, it } from 'vitest'
import { MeshError, type Unreached } from '@hubmesh/content'
import { peerIdOf } from '@hubmesh/trust'
import { whyUnasked, whyUnreached } from '../src/node/why-unreached.ts'
import { type LabNode, createLab, networkKey, soon, until } from './support/lab.ts'
import { createRaw } from './support/raw.ts'

/** A node that reaches nobody says why. */

const lab = createLab()
afterEach(() => lab.close())

const somebody = async (): Promise<string> => peerIdOf(await generateKeyPair('Ed25519'))
const portOf = (address: string): string => /\/tcp\/(\d+)/.exec(address)?.[1] ?? ''

/** A server of another kind. */
const listen = async (onConnect: Parameters<typeof createServer>[1]): Promise<number> => {
  const server = createServer(onConnect).listen(0, '127.0.0.1')
  await once(server, 'listening')
  lab.defer(async () => server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

const reasonAt = async (address: string): Promise<string> => {
  const node = await lab.node({ bootstrap: [address] })
  return reasonOf(node)
}

const reasonOf = async ({ mesh }: LabNode): Promise<string> => {
  const known = (): string | undefined =>
    mesh.unreached().find(({ reason }) => !/for the first time|not answered yet|was lost/.test(reason))?.reason
  await until('a reason', () => known() !== undefined)
  return known() ?? ''
}

describe('the reason why an address is not reached', () => {
  it.each([
    ['a port that nobody listens on', async () => `/ip4/127.0.0.1/tcp/9/p2p/${await somebody()}`, 'connection refused'],
    ['a name that is none', async () => `/dns4/nothing.invalid/tcp/8643/p2p/${await somebody()}`, 'does not resolve'],
    ['another network', async () => (await lab.node({ networkKeys: [networkKey('theirs')] })).address, 'network key'],
    [
      'another node',
      async () => `/ip4/127.0.0.1/tcp/${portOf((await lab.node()).address)}/p2p/${await somebody()}`,
      'another node answers',
    ],
    [
      'a web server',
      async () =>
        `/ip4/127.0.0.1/tcp/${await listen((socket) => socket.end('HTTP/1.1 400 No\r\n\r\n'))}/p2p/${await somebody()}`,
      'no node of this mesh',
    ],
    [
      'one that says nothing',
      async () => `/ip4/127.0.0.1/tcp/${await listen(() => {})}/p2p/${await somebody()}`,
      'no answer within 5 s',
    ],
    [
      'an address of another transport',
      async () => `/ip4/127.0.0.1/udp/9/quic-v1/p2p/${await somebody()}`,
      'transport',
    ],
    [
      'another version of the exchange',
      async () => {
        const later = await createRaw(lab)
        await later.node.handle('/hubmesh/exchange/2.0.0', () => {})
        return later.address
      },
      'no version of the exchange that this node knows',
    ],
  ])('%s', async (_what, makeAddress, reason) => {
    expect(await reasonAt(await makeAddress())).toContain(reason)
  })

  it('a node that has banned this one', async () => {
    const refusing = await createRaw(lab, { refuse: true })
    expect(await reasonAt(refusing.address)).toContain('may have banned this node')
  })

  it('a node that has banned this one, where its hanging up is seen while something is asked', () => {
    const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
    const error = new MeshError('unreachable', 'no exchange stream', { cause: reset })
    expect(whyUnasked(error)).toContain('may have banned this node')
    expect(whyUnreached(error)).toBe('it closed the connection')
  })

  it('is there until it is reached, and again after it is lost', async () => {
    const keys = { privateKey: await generateKeyPair('Ed25519'), dataDir: await lab.folder() }
    const first = await lab.node(keys)
    const node = await lab.node({ bootstrap: [first.address] })
    await until('reached', () => node.mesh.unreached().length === 0)
    await first.mesh.stop()
    const isLost = ({ address, reason }: Unreached): boolean => address === first.address && /lost|refused/.test(reason)
    await until('lost', () => node.mesh.unreached().some(isLost))
    const again = await lab.node({ ...keys, listen: [`/ip4/127.0.0.1/tcp/${portOf(first.address)}`] })
    await node.mesh.dial(again.address, soon())
    await until('reached', () => node.mesh.unreached().length === 0)
  })

  it('is told to who dials by hand, and a node that was given no address has none', async () => {
    const node = await lab.node()
    expect(node.mesh.unreached()).toEqual([])
    const dialled = node.mesh.dial(`/ip4/127.0.0.1/tcp/9/p2p/${await somebody()}`, soon())
    await expect(dialled).rejects.toMatchObject({
      code: 'unreachable',
      hint: expect.stringContaining('connection refused'),
    })
    expect(node.mesh.unreached()).toHaveLength(1)
  })
})
