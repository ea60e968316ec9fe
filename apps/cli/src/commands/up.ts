import { once } from 'node:events'
import type { Log } from '@hubmesh/content'
import {
  type ConfigInput,
  type HubmeshNode,
  createLog,
  createNode,
  homeFolder,
  joinMesh,
  loadConfig,
  prepareHome,
  refuseSecondNode,
} from '@hubmesh/node'
import { followWork } from '../heap-growth.ts'
import { readTicket } from '../ticket-input.ts'

export interface UpFlags {
  readonly home?: string
  readonly seed?: true
  readonly upstream?: string
  readonly upstreamTokenFile?: string
  readonly mirror: readonly string[]
  readonly poll?: string
  readonly gateway?: string
  readonly listen: string[]
  readonly announce: string[]
  readonly join: readonly string[]
  readonly trust: string[]
  readonly site?: string
  readonly mdns: boolean
  readonly relay?: true
  readonly quota?: string
  readonly onDemand?: true
}

/** The contract says 10 s; what has not closed by then is cut off. */
const STOP_WITHIN_MS = 9000

/** Runs a node until SIGINT or SIGTERM. */
export const up = async (flags: UpFlags): Promise<void> => {
  const home = homeFolder(flags.home)
  const log = createLog({ levels: process.env['LOG_LEVEL'], pretty: process.stderr.isTTY })
  exitOnUncaught(log)
  if (flags.onDemand === true) say('--on-demand comes in a later version: nothing is asked for on demand yet')
  const signalled = firstSignal()
  await prepareHome(home)
  await refuseSecondNode(home)
  const addresses = await joinByTickets(home, flags)
  const config = await loadConfig(home, toConfig(flags, addresses))
  const node = await createNode(config, { log })
  followWork()
  await announceReady(node)
  const signal = await signalled
  log.info({ signal }, 'stopping')
  await node.stop()
}

/** Tickets are written into the home, as `hubmesh join` does. @returns the bare addresses */
const joinByTickets = async (home: string, flags: UpFlags): Promise<string[]> => {
  const given = await Promise.all(flags.join.map(readTicket))
  const [first, ...others] = given.filter((text) => !text.startsWith('/'))
  if (first !== undefined) await joinMesh(home, [first, ...others], { trust: flags.trust, site: flags.site })
  return given.filter((text) => text.startsWith('/'))
}

const toConfig = (flags: UpFlags, join: string[]): ConfigInput => ({
  ...(flags.site === undefined ? {} : { site: flags.site }),
  ...(flags.seed === true ? { seed: true } : {}),
  upstream: {
    ...(flags.upstream === undefined ? {} : { url: flags.upstream }),
    ...(flags.upstreamTokenFile === undefined ? {} : { tokenFile: flags.upstreamTokenFile }),
    ...(flags.poll === undefined ? {} : { poll: flags.poll }),
  },
  mirror: [...flags.mirror],
  ...(flags.gateway === undefined ? {} : { gateway: { listen: flags.gateway } }),
  mesh: {
    ...(flags.listen.length === 0 ? {} : { listen: flags.listen.filter((address) => address !== 'none') }),
    ...(flags.announce.length === 0 ? {} : { announce: flags.announce }),
    ...(flags.mdns ? {} : { mdns: false }),
    ...(flags.relay === undefined ? {} : { relay: flags.relay }),
    join,
  },
  ...(flags.trust.length === 0 ? {} : { trust: [{ publishers: flags.trust }] }),
  ...(flags.quota === undefined ? {} : { store: { quota: flags.quota } }),
})

/** The one line on stdout that says the node stands; why it is not ready to serve yet goes to stderr. */
const announceReady = async (node: HubmeshNode): Promise<void> => {
  const { gateway, peerId, addresses } = node.run
  process.stdout.write(`hubmesh ready gateway=${gateway} peer=${peerId} addresses=${addresses.join(',')}\n`)
  const { ready } = await node.control.status()
  for (const reason of ready.reasons) say(`not ready yet: ${reason}`)
}

/** Resolves with the first signal, and sets the clock; a second one ends the process at once. */
const firstSignal = async (): Promise<string> => {
  const signal = await Promise.race(
    (['SIGINT', 'SIGTERM'] as const).map(async (name) => {
      await once(process, name)
      return name
    }),
  )
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => process.exit(1))
  setTimeout(() => {
    say(`could not stop within ${STOP_WITHIN_MS / 1000} s: leaving what is open`)
    process.exit(1)
  }, STOP_WITHIN_MS).unref()
  return signal
}

/** State is unknown after such an error: say its name, and let whoever supervises start afresh. */
const exitOnUncaught = (log: Log): void => {
  process.on('uncaughtException', (err, origin) => {
    log.error({ err, origin }, `${err instanceof Error ? err.name : 'uncaught error'}: ending`)
    process.exit(1)
  })
}

const say = (text: string): void => {
  process.stderr.write(`hubmesh: ${text}\n`)
}
