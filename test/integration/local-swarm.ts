/**
 * Nodes as an operator has them: real processes of the command line, each in a home of its own under a temporary folder.
 *
 *     await using swarm = await createSwarm()
 *     const seed = await swarm.startSeed({ upstream: hub.url, mirror: ['owner/name'] })
 *     const office = await swarm.startOffice('berlin', { ticket: await seed.ticket() })
 *     await office.waitFor('the repo', ({ repos }) => repos.length > 0)
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { NodeStatus } from '@hubmesh/content'
import { openControl } from '@hubmesh/node/control'
import { listen } from './listen.ts'

export interface SwarmNode {
  readonly name: string
  readonly home: string
  /** Of the last ready line. */
  readonly gateway: string
  readonly peerId: string
  readonly addresses: readonly string[]
  /** Of the process that runs now. */
  readonly pid: number
  ticket(): Promise<string>
  status(): Promise<NodeStatus>
  /** Polls the status until the condition holds. @throws Error with the last status and the node's log after the deadline */
  waitFor(what: string, condition: (status: NodeStatus) => boolean, deadlineMs?: number): Promise<NodeStatus>
  /** Pulls a repo, without a process of its own. @throws Error with the node's log */
  pull(repo: string): Promise<void>
  /** Runs a command of the CLI in this home. */
  cli(...args: string[]): Promise<CliResult>
  /** Resolves with the exit code; `null` when it had to be cut off after 12 s. @param signal @default SIGTERM */
  stop(signal?: 'SIGTERM' | 'SIGINT'): Promise<number | null>
  /** SIGKILL: a power cut, as far as a process can have one. */
  kill(): Promise<void>
  /** Starts it again in the same home, with the same flags and ports. */
  restart(): Promise<void>
  /** What it wrote to stderr, of the last 64 KiB. */
  log(): string
}

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Where a node runs. */
export interface Place {
  readonly address: string
  /** What a command line begins with there. */
  readonly command: readonly string[]
}

const LOOPBACK: Place = { address: '127.0.0.1', command: [] }

export interface SeedOptions {
  readonly upstream: string
  readonly mirror?: readonly string[]
  readonly gateway?: string
  readonly place?: Place
  readonly args?: readonly string[]
}

export interface OfficeOptions {
  readonly ticket: string
  readonly gateway?: string
  readonly place?: Place
  readonly args?: readonly string[]
}

export interface Swarm extends AsyncDisposable {
  readonly folder: string
  startSeed(options: SeedOptions): Promise<SwarmNode>
  startOffice(name: string, options: OfficeOptions): Promise<SwarmNode>
  /** Stops every process, whatever became of it, and removes the folder. */
  stop(): Promise<void>
}

const CLI = fileURLToPath(new URL('../../apps/cli/bin/hubmesh.js', import.meta.url))
/** As the root script `hubmesh` has them. */
const NODE_FLAGS = [
  '--conditions=source',
  '--min-semi-space-size=8',
  '--max-semi-space-size=8',
  '--heap-growing-percent=100',
]
const READY_WITHIN_MS = 90_000 // on a machine that is busy with other things
/** The contract: a node stops within 10 s. */
const STOP_WITHIN_MS = 12_000
const PULL_WITHIN_MS = 10 * 60_000
const POLL_MS = 100
const MAX_LOG_CHARACTERS = 64 * 1024

export const createSwarm = async (): Promise<Swarm> => {
  const folder = await mkdtemp(join(tmpdir(), 'hubmesh-swarm-'))
  const nodes: SwarmNode[] = []
  const start = async (
    name: string,
    { gateway, place = LOOPBACK, args = [] }: Pick<OfficeOptions, 'gateway' | 'place' | 'args'>,
  ): Promise<SwarmNode> => {
    const home = join(folder, name)
    const listen = `/ip4/${place.address}/tcp/${await freePort()}` // fixed, so that a restarted node is found where it was
    const node = createSwarmNode({ name, home, place }, [
      '--gateway',
      gateway ?? `127.0.0.1:${await freePort()}`,
      '--listen',
      listen,
      '--no-mdns',
      '--site',
      name,
      ...args,
    ])
    nodes.push(node)
    await node.restart()
    return node
  }
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
    await rm(folder, { recursive: true, force: true })
  }
  return {
    folder,
    startSeed: ({ upstream, mirror = [], args = [], ...where }) =>
      start('seed', {
        ...where,
        args: [
          '--seed',
          '--upstream',
          upstream,
          '--poll',
          '1s',
          ...mirror.flatMap((repo) => ['--mirror', repo]),
          ...args,
        ],
      }),
    startOffice: async (name, { ticket, ...options }) => {
      const joined = await runCli(['join', ticket, '--site', name, '--home', join(folder, name)])
      if (joined.code !== 0) throw new Error(`${name} cannot join: ${joined.stderr}`)
      return start(name, options)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Runs one command to its end. */
export const runCli = (args: readonly string[], input?: string): Promise<CliResult> => startCli(args, input).ended

/** A command that is under way. */
export interface CliRun {
  readonly ended: Promise<CliResult>
  /** SIGKILL. */
  kill(): void
}

export const startCli = (args: readonly string[], input?: string): CliRun => {
  const child = spawnCli(args)
  child.stdin?.end(input)
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  const end = async (): Promise<CliResult> => {
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, stdout: stdout(), stderr: stderr() }
  }
  return { ended: end(), kill: () => child.kill('SIGKILL') }
}

/** The preferred port where it is free, or any. */
export const freePort = async (preferred = 0): Promise<number> => {
  const server = createServer()
  let port: number
  try {
    port = await listen(server, preferred)
  } catch (error) {
    if (preferred === 0) throw error
    return freePort()
  }
  server.close()
  await once(server, 'close')
  return port
}

export interface Download {
  readonly status: number
  readonly headers: Headers
  readonly bytes: number
  readonly sha256: string
}

/** GETs a URL and hashes what comes; fails when the body ends short of its announced length. */
export const download = async (url: string, onBytes: (bytes: number) => void = () => {}): Promise<Download> => {
  const response = await fetch(url)
  const hash = createHash('sha256')
  let bytes = 0
  for await (const part of response.body ?? []) {
    hash.update(part)
    bytes += part.length
    onBytes(part.length)
  }
  return { status: response.status, headers: response.headers, bytes, sha256: hash.digest('hex') }
}

const createSwarmNode = (
  { name, home, place }: { name: string; home: string; place: Place },
  args: readonly string[],
): SwarmNode => {
  let child: ChildProcess | undefined
  let log = (): string => ''
  let ready = { gateway: '', peerId: '', addresses: [] as string[] }

  const start = async (): Promise<void> => {
    child = spawnCli(['up', '--home', home, ...args], place)
    child.stdin?.end()
    log = collect(child.stderr)
    ready = await readyLine(name, child, log)
  }
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const gone = once(child, 'exit')
    child.kill(signal)
    const cut = setTimeout(() => child?.kill('SIGKILL'), STOP_WITHIN_MS)
    const [code] = (await gone) as [number | null]
    clearTimeout(cut)
    return code
  }
  /** Over its socket, which can be reached wherever it runs. */
  const status = async (): Promise<NodeStatus> => (await openControl(home)).status()
  const cli = (...more: string[]): Promise<CliResult> => runCli([...more, '--home', home])
  return {
    name,
    home,
    get gateway() {
      return ready.gateway
    },
    get peerId() {
      return ready.peerId
    },
    get addresses() {
      return ready.addresses
    },
    get pid() {
      return child?.pid ?? -1
    },
    ticket: async () => {
      const { code, stdout, stderr } = await cli('ticket')
      if (code !== 0) throw new Error(`${name} gives no ticket: ${stderr}`)
      return stdout.trimEnd().split('\n').at(-1) ?? ''
    },
    status,
    waitFor: async (what, condition, deadlineMs = 60_000) => {
      const giveUpAt = performance.now() + deadlineMs
      for (;;) {
        const now = await status()
        if (condition(now)) return now
        if (performance.now() > giveUpAt)
          throw new Error(`${name}: ${what} did not happen\n${JSON.stringify(now, undefined, 1)}\n${log()}`)
        await sleep(POLL_MS)
      }
    },
    pull: async (spec) => {
      const request = { spec, include: [], exclude: [], copy: false }
      const options = { signal: AbortSignal.timeout(PULL_WITHIN_MS), onProgress: () => {} }
      try {
        await (await openControl(home)).pull(request, options)
      } catch (cause) {
        throw new Error(`${name} could not pull ${spec}\n${log()}`, { cause })
      }
    },
    cli,
    stop: (signal = 'SIGTERM') => end(signal),
    kill: async () => {
      await end('SIGKILL')
    },
    restart: async () => {
      await end('SIGTERM')
      await start()
    },
    log: () => log(),
  }
}

const readyLine = async (
  name: string,
  child: ChildProcess,
  log: () => string,
): Promise<{ gateway: string; peerId: string; addresses: string[] }> => {
  const stdout = collect(child.stdout)
  const exited = once(child, 'exit')
  const giveUpAt = performance.now() + READY_WITHIN_MS
  while (child.exitCode === null && child.signalCode === null && performance.now() < giveUpAt) {
    const [, gateway, peerId, addresses] =
      /^hubmesh ready gateway=(\S+) peer=(\S+) addresses=(\S*)$/m.exec(stdout()) ?? []
    if (gateway !== undefined && peerId !== undefined)
      return { gateway, peerId, addresses: (addresses ?? '').split(',').filter((address) => address !== '') }
    await Promise.race([sleep(POLL_MS), exited])
  }
  child.kill('SIGKILL')
  throw new Error(`${name} did not become ready (exit code ${child.exitCode})\n${stdout()}${log()}`)
}

const spawnCli = (args: readonly string[], { command }: Place = LOOPBACK): ChildProcess => {
  const [program = process.execPath, ...rest] = [...command, process.execPath, ...NODE_FLAGS, CLI, ...args]
  return spawn(program, rest, { env: cleanEnvironment() })
}

/** Nothing of the person who runs the tests: no token, no proxy, no endpoint, no home. */
const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(HF_|HUBMESH_|XDG_DATA_HOME$|https?_proxy$|all_proxy$)/i.test(name),
    ),
  )

const collect = (stream: NodeJS.ReadableStream | null): (() => string) => {
  let text = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (part: string) => {
    text = (text + part).slice(-MAX_LOG_CHARACTERS)
  })
  return () => text
}
