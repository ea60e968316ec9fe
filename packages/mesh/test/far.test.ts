import { type AddressInfo, type Socket, connect as connectTo, createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { MIB } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import {
  type LabNode,
  type LabNodeOptions,
  createLab,
  fetchBlob,
  isConnected,
  seedBlob,
  soon,
  until,
} from './support/lab.ts'

/** Further connections to a peer that is far, between real nodes, through a relay of TCP that counts and holds them. */

const lab = createLab()
afterEach(() => lab.close())

interface Line {
  readonly port: number
  /** Those that stand, in the order of their opening. */
  readonly sockets: Set<Socket>
  /** How many there have been. */
  opened(): number
}

const createLine = async (to: LabNode): Promise<Line> => {
  const sockets = new Set<Socket>()
  let opened = 0
  const target = Number(/\/tcp\/(\d+)/.exec(to.address)?.[1])
  const server = createServer((near) => {
    const far = connectTo(target, '127.0.0.1')
    opened += 1
    sockets.add(far)
    far.on('close', () => void (sockets.delete(far), near.destroy()))
    near.on('close', () => far.destroy())
    for (const socket of [near, far]) socket.on('error', () => socket.destroy())
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  lab.defer(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sockets, opened: () => opened }
}

/** Whoever is of another site is far, and is tried at once. */
const FAR = { rttMs: 0, settleMs: 0, measureMs: 200, gain: 0, retryMs: 60_000, idleMs: 60_000 }
/** Slow enough that chunks are still wanted when it is looked at what comes. */
const caps = () => ({ upload: { total: 2 * MIB }, download: {} })

const createPair = async (
  far: NonNullable<LabNodeOptions['limits']>['far'],
  giverOptions: LabNodeOptions = {},
): Promise<{ giver: LabNode; taker: LabNode; line: Line }> => {
  const giver = await lab.node({ site: 'far', limits: { caps }, ...giverOptions })
  const taker = await lab.node({ limits: { far: { ...FAR, ...far } } })
  const line = await createLine(giver)
  await taker.mesh.dial(`/ip4/127.0.0.1/tcp/${line.port}/p2p/${giver.mesh.peerId}`, soon())
  await until('linked', () => isConnected(taker, giver) && isConnected(giver, taker))
  return { giver, taker, line }
}

describe('a far peer', () => {
  it('is asked over four connections while chunks are wanted, and stays one peer', async () => {
    const { giver, taker, line } = await createPair({ idleMs: 300 })
    const sample = sampleBlob(16 * MIB, 1)
    await seedBlob(giver, sample)
    let most = 0
    const { bytes } = await fetchBlob(taker.mesh, sample, {
      onChunk: async () => void (most = Math.max(most, line.sockets.size)),
    })
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect(most).toBe(4)
    expect(taker.mesh.peers()).toMatchObject([{ peerId: giver.mesh.peerId, bytesIn: sample.size, connected: true }])
    expect(giver.mesh.peers()).toMatchObject([{ peerId: taker.mesh.peerId, bytesOut: sample.size, connected: true }])
    expect(taker.mesh.peers()[0]?.addresses).toHaveLength(1)
    await until('those that nothing is asked on are closed', () => line.sockets.size === 1)
    expect([isConnected(taker, giver), isConnected(giver, taker), line.opened()]).toEqual([true, true, 4])
  })

  it('is asked over one again when several bring no more, and they are not tried again', async () => {
    const { giver, taker, line } = await createPair({ gain: 1_000 })
    const sample = sampleBlob(16 * MIB, 2)
    await seedBlob(giver, sample)
    const { bytes } = await fetchBlob(taker.mesh, sample)
    expect(bytes.equals(sample.bytes)).toBe(true)
    await until('they are closed', () => line.sockets.size === 1)
    expect(line.opened()).toBe(4)
    expect(isConnected(taker, giver)).toBe(true)
  })

  it.each([
    ['stands still', (socket: Socket) => socket.unpipe().pause()],
    ['breaks', (socket: Socket) => socket.destroy()],
  ])('gives all, though one of its further connections %s', async (_what, spoil) => {
    const { giver, taker, line } = await createPair({})
    const sample = sampleBlob(16 * MIB, 3)
    await seedBlob(giver, sample)
    let spoilt: Socket | undefined
    const { bytes } = await fetchBlob(taker.mesh, sample, {
      onChunk: async () => {
        if (spoilt !== undefined || line.sockets.size < 4) return
        spoilt = [...line.sockets].at(-1)
        if (spoilt !== undefined) spoil(spoilt)
      },
    })
    expect(bytes.equals(sample.bytes)).toBe(true)
    expect(spoilt).toBeDefined()
    expect(isConnected(taker, giver)).toBe(true)
    expect(taker.mesh.peers()[0]?.banned).toBeUndefined()
  })

  it.each([
    ['it stands at our site', {}, { site: 'here' }],
    ['it is near', { rttMs: 10_000 }, {}],
  ])('is asked over one connection alone where %s', async (_where, far, options) => {
    const { giver, taker, line } = await createPair(far, options)
    const sample = sampleBlob(4 * MIB, 4)
    await seedBlob(giver, sample)
    await fetchBlob(taker.mesh, sample)
    expect(line.opened()).toBe(1)
  })

  it('is asked over the connection that it has dialled: who was dialled cannot know that it can dial', async () => {
    const { giver, taker, line } = await createPair({})
    const limits = { far: FAR }
    const [asked, dialler] = [taker, await lab.node({ site: 'far', limits: { ...limits, caps } })]
    const sample = sampleBlob(4 * MIB, 5)
    await seedBlob(dialler, sample)
    const other = await createLine(asked)
    await dialler.mesh.dial(`/ip4/127.0.0.1/tcp/${other.port}/p2p/${asked.mesh.peerId}`, soon())
    await until('linked', () => isConnected(asked, dialler) && isConnected(dialler, asked))
    const { from } = await fetchBlob(asked.mesh, sample)
    expect([...from.keys()]).toEqual([dialler.mesh.peerId])
    expect([line.opened(), other.opened()]).toEqual([1, 1])
    expect(isConnected(asked, giver)).toBe(true)
  })
})
