/**
 * What a node costs that does nothing: it offers 1 000 repos, and has 50 peers.
 *
 *     node --conditions=source test/bench/idle.ts
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { KIB, MIB } from '@hubmesh/content'
import { openControl } from '@hubmesh/node/control'
import { type Swarm, type SwarmNode, createSwarm } from '../integration/local-swarm.ts'
import { type Traffic, countedPlace, difference } from './idle/traffic.ts'
import { type Result, atMost, printResults, usageOf } from './measure.ts'
import { NO_UPSTREAM } from './samples.ts'

const REPOS = 1_000
const PEERS = 50
const PROCESSES = 2
const SECONDS = 60
/** The DHT has been told of all when so many seconds bring less than so many bytes: from then on it is told of one in 6 s. */
const QUIET_SECONDS = 10
const QUIET_BYTES = 96 * KIB
const SETTLED_WITHIN_SECONDS = 400
const PEERS_PROGRAM = fileURLToPath(new URL('idle/peers.ts', import.meta.url))

export const idle = async (): Promise<Result[]> => {
  await using swarm = await createSwarm()
  const { place, read } = countedPlace(swarm.folder)
  const node = await swarm.startSeed({ upstream: NO_UPSTREAM, place })
  await publishMany(swarm, node)
  await node.restart() // what the publishing took is not an idle node's
  const peers = await Promise.all(Array.from({ length: PROCESSES }, (_, n) => startPeers(swarm, node, n)))
  try {
    await node.waitFor('all peers', ({ peers }) => peers.filter(({ connected }) => connected).length === PEERS, 180_000)
    const telling = await settle(node, read)
    return [...(await measure(node, read)), ...telling]
  } finally {
    for (const peer of peers) peer.kill('SIGKILL')
  }
}

/** Repos of one small file each. */
const publishMany = async ({ folder }: Swarm, { home }: SwarmNode): Promise<void> => {
  const control = await openControl(home)
  const options = { signal: AbortSignal.timeout(10 * 60_000), onProgress: () => {} }
  for (let number = 0; number < REPOS; number += 1) {
    const directory = join(folder, 'repos', String(number))
    await mkdir(directory, { recursive: true })
    await writeFile(join(directory, 'config.json'), randomBytes(200).toString('hex'))
    await control.publish({ directory, spec: `bench/repo-${number}`, message: 'first' }, options)
  }
}

const startPeers = async (swarm: Swarm, node: SwarmNode, number: number): Promise<ChildProcess> => {
  const args = [String(PEERS / PROCESSES), join(swarm.folder, `peers-${number}`), await node.ticket()]
  const child = spawn(process.execPath, [...process.execArgv, PEERS_PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
  if (child.exitCode !== null) throw new Error('the peers could not start')
  return child
}

type Read = (pid: number) => Promise<Traffic>

/** Waits until the DHT has been told of all repos. */
const settle = async ({ pid }: SwarmNode, read: Read): Promise<Result[]> => {
  const giveUpAt = performance.now() + SETTLED_WITHIN_SECONDS * 1000
  let last = await read(pid)
  for (;;) {
    await sleep(QUIET_SECONDS * 1000)
    const now = await read(pid)
    if (now.dht - last.dht < QUIET_BYTES) break
    if (performance.now() > giveUpAt) throw new Error('the node does not come to rest')
    last = now
  }
  return [{ what: `telling the DHT of ${REPOS} repos, at the start`, figure: `${(last.dht / MIB).toFixed(1)} MiB` }]
}

const measure = async ({ pid }: SwarmNode, read: Read): Promise<Result[]> => {
  const [usage, traffic] = [await usageOf(pid), await read(pid)]
  const start = performance.now()
  await sleep(SECONDS * 1000)
  const after = await usageOf(pid)
  const seconds = (performance.now() - start) / 1000
  const sums = difference(await read(pid), traffic)
  const rate = (bytes: number): number => (8 * bytes) / seconds / 1000
  const { all, ...parts } = sums
  const inStreams = Object.values(parts).reduce((sum, bytes) => sum + bytes, 0)
  const part = (what: string, bytes: number): Result => ({
    what: `  ${what}`,
    figure: `${rate(bytes).toFixed(1)} kbit/s`,
  })
  return [
    atMost('resident memory', after.rss / MIB, 256, 'MiB'),
    atMost('CPU, of one core', (100 * (after.cpuSeconds - usage.cpuSeconds)) / seconds, 2, '%'),
    atMost('traffic in and out', rate(all), 60, 'kbit/s'),
    part('pings', parts.ping),
    part('gossip', parts.gossip),
    part('DHT', parts.dht),
    part('exchange', parts.exchange),
    part('the rest', parts.other + all - inStreams),
  ]
}

if (import.meta.main) printResults(`an idle node, ${REPOS} repos, ${PEERS} peers`, await idle())
