import { afterEach, describe, expect, it, vi } from 'vitest'
import { once } from 'node:events'
import { type AddressInfo, type Socket, connect as connectTo, createServer } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { MIB, encodeValue, silentLog } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { createGossip } from '../src/announce/gossip.ts'
import { createGate } from '../src/node/gate.ts'
import { createHeartbeat } from '../src/node/heartbeat.ts'
import { createNeighbours } from '../src/node/neighbours.ts'
import { connect, createLab, fetchBlob, isConnected, seedBlob, soon, until, wantsOf } from './support/lab.ts'
import { createRaw } from './support/raw.ts'

/** Coming, going, coming back, and being kept out. */

const lab = createLab()
afterEach(async () => {
  vi.useRealTimers()
  await lab.close()
})

const sample = sampleBlob(6 * MIB, 41)

describe('a restart', () => {
  it('finds the peers of the last time again, without an address to start from', async () => {
    const other = await lab.node()
    const kept = { privateKey: await generateKeyPair('Ed25519'), dataDir: await lab.folder() }
    const before = await lab.node(kept)
    await connect(before, other)
    await before.mesh.stop()
    await until('gone', () => !isConnected(other, before))
    const after = await lab.node(kept)
    expect(after.mesh.peerId).toBe(before.mesh.peerId)
    await until('back', () => isConnected(after, other) && isConnected(other, after))
  })

  it('is refused while another process has the folder', async () => {
    const { dataDir } = await lab.node()
    await expect(lab.node({ dataDir })).rejects.toMatchObject({ code: 'busy' })
  })
})

describe('a site', () => {
  it('has a name that a hello can carry', async () => {
    await expect(lab.node({ site: 'x'.repeat(65) })).rejects.toMatchObject({ code: 'config' })
  })
})

describe('stopping', () => {
  it('takes less than 5 seconds while chunks go in and out, and tells those who wait', async () => {
    const [giver, middle, taker] = [await lab.node(), await lab.node(), await lab.node()]
    await Promise.all([seedBlob(giver, sample), seedBlob(middle, sampleBlob(6 * MIB, 42))])
    await Promise.all([connect(middle, giver), connect(taker, middle)])
    const coming = fetchBlob(middle.mesh, sample).catch((error: unknown) => error)
    const leaving = fetchBlob(taker.mesh, sampleBlob(6 * MIB, 42), { signal: soon(4) }).catch(() => {})
    const [never] = wantsOf(sampleBlob(MIB, 43))
    if (never === undefined) throw new Error('a chunk is needed')
    const waiting = middle.mesh.fetch(never, { priority: 'reader', signal: soon() })
    waiting.catch(() => {}) // looked at below
    const start = performance.now()
    await middle.mesh.stop()
    expect(performance.now() - start).toBeLessThan(5000)
    await expect(waiting).rejects.toMatchObject({ code: 'unreachable' })
    await expect(middle.mesh.fetch(never, { priority: 'reader', signal: soon() })).rejects.toMatchObject({
      code: 'unreachable',
    })
    await Promise.all([coming, leaving])
  })

  it('works before a start, and twice', async () => {
    const { mesh } = await lab.node()
    await Promise.all([mesh.stop(), mesh.stop()])
    await mesh.stop()
  })

  it('is told to all by gossip', async () => {
    const [leaving, listening] = [await lab.node(), await createRaw(lab)]
    const gone: string[] = []
    let heads = 0
    const gossip = createGossip({
      pubsub: listening.node.services.pubsub,
      log: silentLog,
      onHead: () => (heads += 1),
      onGoodbye: (peerId) => gone.push(peerId),
    })
    gossip.start()
    await listening.serve(() => {})
    await leaving.mesh.dial(listening.address, soon())
    await until('its gossip arrives', async () => {
      await leaving.mesh.announce(encodeValue({}))
      return heads > 0
    })
    await leaving.mesh.stop()
    await until('heard', () => gone.includes(leaving.mesh.peerId))
  })
})

describe('dialling', () => {
  it('goes on until a bootstrap node is there, and again after it was away', async () => {
    const keys = { privateKey: await generateKeyPair('Ed25519'), dataDir: await lab.folder() }
    const first = await lab.node(keys)
    const listen = [first.address.replace(/\/p2p\/.*/, '')]
    const node = await createRaw(lab)
    const neighbours = createNeighbours(
      { node: node.node, gate: createGate({ log: silentLog }), log: silentLog, linkProblem: () => undefined },
      { bootstrap: [multiaddr(first.address)], targetPeers: 4, pause: [20, 60] },
    )
    lab.defer(() => neighbours.stop())
    await first.mesh.stop()
    neighbours.start()
    const isThere = (): boolean => node.node.getConnections().length > 0
    for (let times = 0; times < 2; times += 1) {
      const seed = await lab.node({ ...keys, listen })
      await until('connected', isThere)
      await seed.mesh.stop()
      await until('alone', () => !isThere())
    }
  })

  it('survives that the peers of the last time cannot be read', async () => {
    const { node } = await createRaw(lab)
    let rounds = 0
    const failing = new Proxy(node, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (name !== 'peerStore') return typeof value === 'function' ? value.bind(target) : value
        rounds += 1
        return { all: () => Promise.reject(new Error('the disk failed')) }
      },
    })
    const neighbours = createNeighbours(
      { node: failing, gate: createGate({ log: silentLog }), log: silentLog, linkProblem: () => undefined },
      { bootstrap: [], targetPeers: 4, pause: [5, 10] },
    )
    neighbours.start()
    await until('it goes on', () => rounds > 3)
    await neighbours.stop()
  })
})

/** A way to an address that can go dead: what is sent on it is neither delivered nor refused. */
const createLine = async (address: string): Promise<{ address: string; cut(): void }> => {
  const to = multiaddr(address).toString().split('/')
  const sockets: Socket[] = []
  const server = createServer((near) => {
    const far = connectTo(Number(to[4]), '127.0.0.1')
    near.pipe(far).pipe(near)
    for (const socket of [near, far]) {
      socket.on('error', () => {}) // the other half closes too
      sockets.push(socket)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  lab.defer(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    address: [...to.slice(0, 4), port, ...to.slice(5)].join('/'),
    cut: () => {
      for (const socket of sockets) {
        socket.unpipe()
        socket.pause()
      }
    },
  }
}

describe('a line', () => {
  it('that goes dead without a word is given up', async () => {
    const [near, far] = [await createRaw(lab), await createRaw(lab)]
    const line = await createLine(far.address)
    const heartbeat = createHeartbeat(
      { node: near.node, log: silentLog, heardAt: () => -Infinity },
      { interval: 100, timeout: 150 },
    )
    heartbeat.start()
    lab.defer(async () => heartbeat.stop())
    const connection = await near.node.dial(multiaddr(line.address), { signal: soon() })
    await until('it is measured', () => connection.rtt !== undefined)
    expect(connection.status).toBe('open')
    line.cut()
    await until('it is given up', () => connection.status !== 'open')
  })
})

describe('a ban', () => {
  it('lasts a minute, then twice as long each time, an hour at most, and says why', () => {
    vi.useFakeTimers()
    const gate = createGate({ log: silentLog })
    const lengths: number[] = []
    for (let times = 0; times < 8; times += 1) {
      gate.ban('liar', `lie ${times}`)
      const ban = gate.banOf('liar')
      expect(ban?.reason).toBe(`lie ${times}`)
      const seconds = (Date.parse(ban?.until ?? '') - Date.now()) / 1000
      lengths.push(seconds)
      vi.advanceTimersByTime(seconds * 1000 - 1)
      expect(gate.banOf('liar')).toBeDefined()
      vi.advanceTimersByTime(1)
      expect(gate.banOf('liar')).toBeUndefined()
    }
    expect(lengths).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600])
  })

  it('comes at the third breach within ten minutes', () => {
    vi.useFakeTimers()
    const gate = createGate({ log: silentLog })
    const breach = (): void => gate.breach('rude', 'a frame that is too long')
    breach()
    breach()
    vi.advanceTimersByTime(10 * 60_000)
    breach()
    expect(gate.banOf('rude')).toBeUndefined()
    breach()
    breach()
    expect(gate.banOf('rude')?.reason).toBe('a frame that is too long')
  })
})
