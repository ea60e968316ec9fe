/** Two BitTorrent clients. One tracker at the seed makes all members known to each other at once, which is the start. */
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Place } from '../../integration/local-swarm.ts'
import { isInstalled } from '../installed.ts'
import { BITTORRENT, PYTHON, hasLibtorrent } from '../libtorrent.ts'
import type { LineProcess } from '../line-process.ts'
import { type Crew, createCrew } from './crew.ts'
import { LIFE_SECONDS, type Other, type Spread, type Task } from './spread.ts'

interface Member {
  /** Has said a line when it has all, unless it is the seed. */
  readonly process: LineProcess
  /** Bytes of payload so far. */
  sent(): Promise<number>
}

interface MemberOptions {
  readonly place: Place
  readonly role: 'seed' | 'peer'
  readonly torrent: string
  /** Where the file is, or comes to be. */
  readonly folder: string
}

/** Starts a member, which asks the tracker at once. */
type Start = (crew: Crew, options: MemberOptions) => Member

/** Each place has ports of its own. */
const PORT = 6881
const TRACKER_PORT = 6969
const RPC_PORT = 6800
const RPC_SECONDS = 10

const run = promisify(execFile)

export const libtorrent: Other = {
  name: 'libtorrent',
  whyNot: () => (hasLibtorrent() ? undefined : 'python3-libtorrent is not installed'),
  spread: (task) => spreadTorrent(task, startLibtorrent),
}

export const aria2: Other = {
  name: 'aria2',
  whyNot: () => {
    if (!isInstalled('aria2c', '--version')) return 'aria2 is not installed'
    if (!isInstalled('curl', '--version')) return 'curl is not installed, which asks what it has sent'
    return hasLibtorrent() ? undefined : 'python3-libtorrent is not installed, which makes its torrent'
  },
  spread: (task) => spreadTorrent(task, startAria2),
}

const startLibtorrent: Start = (crew, { place, role, torrent, folder }) => {
  const process = crew.start(place, PYTHON, BITTORRENT, role, place.address, `${PORT}`, torrent, folder)
  const sent = async (): Promise<number> => {
    process.write('sent?')
    return Number(await crew.line(process))
  }
  return { process, sent }
}

const startAria2: Start = (crew, { place, torrent, folder }) => {
  const process = crew.start(place, 'aria2c', ...ARIA2, `--dir=${folder}`, torrent)
  const sent = async (): Promise<number> => {
    const call = JSON.stringify({ jsonrpc: '2.0', id: '', method: 'aria2.tellActive', params: [['uploadLength']] })
    const url = `http://127.0.0.1:${RPC_PORT}/jsonrpc`
    const curl = ['curl', '--silent', '--show-error', '--fail', '--max-time', `${RPC_SECONDS}`, '--data', call, url]
    const [program = '', ...args] = [...place.command, ...curl]
    const { stdout } = await run(program, args)
    const { result } = JSON.parse(stdout) as { result: [{ uploadLength: string }] }
    return Number(result[0].uploadLength)
  }
  return { process, sent }
}

/** What makes it fast, as far as it lets itself be told: it serves four at a time. The hook prints its one line. */
const ARIA2 = [
  '--no-conf=true',
  '--quiet=true',
  '--on-bt-download-complete=/bin/echo',
  '--enable-rpc=true',
  `--rpc-listen-port=${RPC_PORT}`,
  `--listen-port=${PORT}`,
  `--stop=${LIFE_SECONDS}`,
  `--bt-tracker-timeout=${LIFE_SECONDS}`,
  '--bt-seed-unverified=true',
  '--seed-ratio=0',
  '--enable-dht=false',
  '--enable-dht6=false',
  '--disable-ipv6=true',
  '--bt-enable-lpd=false',
  '--bt-max-peers=0',
  '--bt-request-peer-speed-limit=1024M',
  '--file-allocation=none',
  '--disk-cache=64M',
]

/** Connecting is in its time, a few round trips; the nodes of a mesh have done it before. */
const spreadTorrent = async ({ seed, takers, file, size, folder }: Task, start: Start): Promise<Spread> => {
  const torrent = join(folder, 'file.torrent')
  await run(PYTHON, [BITTORRENT, 'make', file, torrent, `http://${seed.address}:${TRACKER_PORT}/announce`])
  await using crew = createCrew()
  const address = [seed.address, `${TRACKER_PORT}`]
  const tracker = crew.start(seed, PYTHON, BITTORRENT, 'track', ...address, `${takers.length + 1}`)
  await crew.line(tracker) // it listens
  const giver = start(crew, { place: seed, role: 'seed', torrent, folder: dirname(file) })
  const peers = await Promise.all(
    takers.map(async (place, index) => {
      const own = join(folder, `${index}`)
      await mkdir(own)
      return start(crew, { place, role: 'peer', torrent, folder: own })
    }),
  )
  await crew.line(tracker) // all have asked
  const processes = peers.map(({ process }) => process)
  const { seconds, cpuSeconds } = await crew.time(processes, () => tracker.write('go'))
  const [bySeed, ...byPeers] = await Promise.all([giver.sent(), ...peers.map((peer) => peer.sent())])
  const sent = byPeers.reduce((total, bytes) => total + bytes, bySeed)
  return { seconds, cpuSeconds, copiesOfSeed: bySeed / size, received: sent / (size * takers.length) }
}
