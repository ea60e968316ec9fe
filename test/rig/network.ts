/**
 * A network of one's own on one machine: places that are network namespaces, joined by links of given rates to a wide net with a
 * delay and a loss. Needs root, network namespaces, `/dev/net/tun`, iproute2 and python3.
 *
 *     await using network = await createNetwork({ roundTripMs: 20 })
 *     const seed = await network.attach({ up: 100, down: 100 })
 *     const office = await network.attach({ up: 50, down: 100 })
 *     await swarm.startOffice('berlin', { ticket, place: office })
 *
 * Each place stands at the end of a veth pair whose two ends a token bucket limits. What goes from one place at the wide net to
 * another passes the wire (wire.py) once; places below a place reach each other without it.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Place } from '../integration/local-swarm.ts'

export interface NetworkOptions {
  /** Between any two places at the wide net. */
  readonly roundTripMs: number
  /** Part of the packets that each link at the wide net loses, in each direction. @default 0 */
  readonly loss?: number
  /** Leave in one piece what TCP has gathered: less work, no true byte counts. @default false; without loss alone */
  readonly offload?: boolean
  /** Congestion control of the TCP of all places, as `cubic` or `bbr`. @default the machine's own */
  readonly congestionControl?: string
}

export interface LinkOptions {
  /** Mbit/s from the place and to it, as a network card counts: headers included. */
  readonly up: number
  readonly down: number
  /** The place behind which this one stands. @default the wide net */
  readonly behind?: NetworkPlace
  /** What stands behind this place is seen under its address from outside, and cannot be dialled from there. Needs nftables. */
  readonly nat?: boolean
}

export interface NetworkPlace extends Place {
  /** Of its network namespace. */
  readonly name: string
  readonly nat: boolean
}

export interface Network extends AsyncDisposable {
  attach(link: LinkOptions): Promise<NetworkPlace>
  /** IP bytes that have come to the place over its link from the wide net. */
  delivered(place: NetworkPlace): Promise<number>
  /** Nothing passes between the two groups any more, without a word to either. */
  part(some: readonly Place[], others: readonly Place[]): Promise<void>
  /** Whatever was parted is joined again. */
  heal(): Promise<void>
  stop(): Promise<void>
}

const PREFIX = 'hubmesh-rig-'
const WIRE = fileURLToPath(new URL('wire.py', import.meta.url))
/** What a link's queue holds at its rate; beyond it packets are dropped. */
const QUEUE_MS = 50
const ETHERNET_HEADER_BYTES = 14
const MIN_BURST_BYTES = 16 * 1024
/** Packets that wait for the wire; its default of 500 would be a second bottleneck. */
const WIRE_QUEUE = 20_000
/** Routing table for what has not passed the wire yet. */
const TO_THE_WIRE = '7'
const PARTED = '10'

/** Why there can be no such network here; undefined where there can. */
export const whyNoNetwork = (): string | undefined => {
  if (process.getuid?.() !== 0) return 'only root makes network namespaces'
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun'
  const probe = `${PREFIX}${process.pid}-probe`
  try {
    execFileSync('python3', ['-c', ''], { stdio: 'pipe' })
    execFileSync('ip', ['netns', 'add', probe], { stdio: 'pipe' })
    execFileSync('ip', ['netns', 'exec', probe, 'tc', 'qdisc', 'show'], { stdio: 'pipe' })
    execFileSync('ip', ['netns', 'del', probe], { stdio: 'pipe' })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return undefined
}

let networks = 0

export const createNetwork = async ({
  roundTripMs,
  loss = 0,
  offload = false,
  congestionControl,
}: NetworkOptions): Promise<Network> => {
  removeLeftovers()
  const prefix = `${PREFIX}${process.pid}-${networks++}-`
  const onExit = (): void => removeNamespaces((name) => name.startsWith(prefix))
  process.once('exit', onExit)
  const wide: NetworkPlace = placeOf(`${prefix}0`, addressOf(0))
  let places = 1
  await addNamespace(wide)
  await inside(wide, 'address', 'add', `${wide.address}/32`, 'dev', 'lo')
  // A packet passes two links.
  const wire = await layWire(wide, { delayMs: roundTripMs / 2, loss: 1 - (1 - loss) ** 2, offload })

  const attach = async ({ up, down, behind = wide, nat = false }: LinkOptions): Promise<NetworkPlace> => {
    const number = places++
    const place = placeOf(`${prefix}${number}`, addressOf(number), nat)
    const near = `to${number}` // as the other end is called
    await addNamespace(place)
    await ip('link', 'add', 'dev', 'uplink', 'netns', place.name, 'type', 'veth', 'peer', near, 'netns', behind.name)
    await inside(behind, 'link', 'set', 'dev', near, 'up')
    await inside(place, 'link', 'set', 'dev', 'uplink', 'up')
    await inside(place, 'address', 'add', `${place.address}/32`, 'dev', 'uplink') // some bind to the device of their address
    await inside(
      place,
      'route',
      'add',
      'default',
      'via',
      behind.address,
      'dev',
      'uplink',
      'onlink',
      'src',
      place.address,
      ...(congestionControl === undefined ? [] : ['congctl', congestionControl]),
    )
    await inside(behind, 'route', 'add', place.address, 'via', place.address, 'dev', near, 'onlink')
    if (behind === wide) await inside(wide, 'rule', 'add', 'iif', near, 'table', TO_THE_WIRE)
    else if (!behind.nat)
      await inside(wide, 'route', 'add', place.address, 'via', behind.address, 'dev', await wideEndOf(behind), 'onlink')
    if (nat) await translate(place)
    await limit(place, 'uplink', up)
    await limit(behind, near, down)
    return place
  }
  const wideEndOf = async (place: NetworkPlace): Promise<string> => {
    const [route] = JSON.parse(await inside(wide, '-json', 'route', 'show', place.address)) as [{ dev: string }]
    return route.dev
  }
  const stop = async (): Promise<void> => {
    process.off('exit', onExit)
    onExit()
    if (wire.exitCode === null && wire.signalCode === null) await once(wire, 'exit')
  }
  return {
    attach,
    delivered: async (place) => {
      const device = await wideEndOf(place)
      const [link] = JSON.parse(await inside(wide, '-json', '-stats', 'link', 'show', 'dev', device)) as [LinkStats]
      const { bytes, packets } = link.stats64.tx
      return bytes - packets * ETHERNET_HEADER_BYTES
    },
    part: async (some, others) => {
      for (const one of some) {
        for (const other of others) {
          await drop(wide, one, other)
          await drop(wide, other, one)
        }
      }
    },
    heal: async () => {
      await inside(wide, 'rule', 'flush', 'priority', PARTED)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

interface LinkStats {
  readonly stats64: { readonly tx: { readonly bytes: number; readonly packets: number } }
}

const run = promisify(execFile)

const ip = async (...args: string[]): Promise<string> => (await run('ip', args)).stdout

const inside = (place: NetworkPlace, ...args: string[]): Promise<string> => ip('-netns', place.name, ...args)

const placeOf = (name: string, address: string, nat = false): NetworkPlace => ({
  name,
  address,
  nat,
  command: ['ip', 'netns', 'exec', name],
})

/** Of a block that is private and seldom used. */
const addressOf = (number: number): string => `10.77.${number >> 8}.${number & 255}`

/** As a home router does it. */
const translate = async (place: NetworkPlace): Promise<void> => {
  const rules = `add table ip nat
    add chain ip nat out { type nat hook postrouting priority 100; }
    add rule ip nat out oifname "uplink" snat to ${place.address}`
  await run('ip', ['netns', 'exec', place.name, 'nft', rules])
}

const addNamespace = async (place: NetworkPlace): Promise<void> => {
  await ip('netns', 'add', place.name)
  await inside(place, 'link', 'set', 'dev', 'lo', 'up')
  await run('ip', ['netns', 'exec', place.name, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', ...NO_SOURCE_CHECK])
}

/** What comes out of the wire has the address of another link. */
const NO_SOURCE_CHECK = ['net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0']

const layWire = async (
  wide: NetworkPlace,
  { delayMs, loss, offload }: { delayMs: number; loss: number; offload: boolean },
): Promise<ChildProcess> => {
  const [program, ...args] = [...wide.command, 'python3', WIRE, 'wire', `${delayMs}`, `${loss}`, offload ? '1' : '0']
  const wire = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = (await Promise.race([once(wire.stdout, 'data'), once(wire, 'exit')])) as [unknown]
  if (!Buffer.isBuffer(said)) throw new Error('the wire broke')
  await inside(wide, 'link', 'set', 'dev', 'wire', 'up', 'txqueuelen', `${WIRE_QUEUE}`)
  await inside(wide, 'route', 'add', 'default', 'dev', 'wire', 'table', TO_THE_WIRE)
  return wire
}

const limit = async (place: NetworkPlace, device: string, mbit: number): Promise<void> => {
  const burst = Math.max(MIN_BURST_BYTES, (mbit * 1000) / 8) // what passes in a millisecond
  const shape = ['rate', `${mbit}mbit`, 'burst', `${burst}`, 'latency', `${QUEUE_MS}ms`]
  await run('ip', ['netns', 'exec', place.name, 'tc', 'qdisc', 'add', 'dev', device, 'root', 'tbf', ...shape])
}

const drop = (wide: NetworkPlace, from: Place, to: Place): Promise<string> =>
  inside(wide, 'rule', 'add', 'from', from.address, 'to', to.address, 'priority', PARTED, 'blackhole')

/** What runs that were killed have left behind. */
const removeLeftovers = (): void =>
  removeNamespaces((name) => {
    const [, pid] = new RegExp(`^${PREFIX}(\\d+)-`).exec(name) ?? []
    return pid !== undefined && !existsSync(`/proc/${pid}`)
  })

/** At once, so that it can be done while the process exits. Whatever runs there is killed. */
const removeNamespaces = (isOurs: (name: string) => boolean): void => {
  const names = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).split('\n')
  for (const name of names.map((line) => line.split(' ')[0] ?? '').filter(isOurs)) {
    for (const pid of execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).split('\n')) {
      try {
        if (pid !== '') process.kill(Number(pid), 'SIGKILL')
      } catch {
        // it has gone by itself
      }
    }
    execFileSync('ip', ['netns', 'del', name])
  }
}
