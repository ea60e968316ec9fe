import { join } from 'node:path'
import {
  type Control,
  type Log,
  MeshError,
  type NodeId,
  type Publisher,
  type RepoRef,
  createMeter,
  parseRepoSpec,
  repoKey,
} from '@hubmesh/content'
import { createControlServer, createGateway } from '@hubmesh/gateway'
import { createMesh } from '@hubmesh/mesh'
import { createLibrary } from '@hubmesh/mirror'
import { openStore } from '@hubmesh/store'
import { type TrustPolicy, createPolicy, createSigner, encodeTicket, loadIdentity, peerIdOf } from '@hubmesh/trust'
import { capsOf } from './caps.ts'
import { parseAliased } from './config-schema.ts'
import type { NodeConfig } from './config.ts'
import { createControl } from './control.ts'
import { controlSocketPath, prepareHome } from './home.ts'
import { type Membership, findMembership } from './membership.ts'
import { type RunInfo, refuseSecondNode, removeRunFile, writeRunFile } from './run-file.ts'
import { allowedConnections } from './open-files.ts'
import { createReports } from './status.ts'
import { parseDuration, parseHostPort, parseSize } from './units.ts'
import { readUpstreamToken } from './upstream-token.ts'

/** A node that stands: its gateway answers, its control socket is open. */
export interface HubmeshNode {
  readonly control: Control
  /** What run.json says. */
  readonly run: RunInfo
  /** Takes everything down in reverse order. A second call waits for the first. */
  stop(): Promise<void>
}

/**
 * Wires a node and starts it. It stands as soon as its own parts do: a mirror, a join or the upstream may fail meanwhile,
 * and shows in the status. Where a part cannot start, what had started is taken down again.
 * @throws MeshError `busy` for a port or home in use, `config`, `io`
 */
export const createNode = async (config: NodeConfig, { log }: { log: Log }): Promise<HubmeshNode> => {
  const { home } = config
  if (!config.seed && config.mirror.length > 0)
    throw new MeshError('usage', 'only a seed mirrors', { hint: 'add --seed, or `seed: true` in hubmesh.yaml' })
  const token = (): Promise<string | undefined> => readUpstreamToken(config.upstream.tokenFile)
  if (config.seed) await token() // a bad file is better told now than at the first pull
  await prepareHome(home)
  await refuseSecondNode(home)

  const connections = await allowedConnections(log)
  const meter = createMeter()
  const identity = await loadIdentity(join(home, 'identity.key'))
  const signer = createSigner(identity)
  const policy = createPolicy(withOwnPublisher(config.trust, signer.publisher))
  const membership = await findMembership(home, config.mesh.join)
  const site = config.site ?? peerIdOf(identity).slice(-8)
  const role = config.seed ? 'seed' : 'peer'
  const caps = capsOf(config.limits)

  await using parts = new AsyncDisposableStack()
  const quota = config.store.quota === undefined ? {} : { quota: parseSize(config.store.quota) }
  const store = await openStore({ home, ...quota, log: log.room('store'), meter })
  parts.defer(() => store.close())
  const { blobs, blocks, catalogs, shelf } = store

  const mesh = await createMesh(
    { privateKey: identity, blocks, shelf, catalogs, log: log.room('mesh'), meter },
    {
      networkKeys: [membership.networkKey],
      listen: config.mesh.listen,
      announce: config.mesh.announce,
      bootstrap: membership.bootstrap,
      site,
      role,
      mdns: config.mesh.mdns,
      ...(config.mesh.relay === undefined ? {} : { relay: config.mesh.relay }),
      dataDir: join(home, 'mesh'),
      publishers: [...new Set(config.trust.flatMap(({ publishers }) => publishers))],
      limits: { connections: connections.peers, caps },
    },
  )
  parts.defer(() => mesh.stop())

  const origin = config.seed
    ? // Loaded only where it is used: what lies in memory is looked at by each garbage collection of a fetch.
      (await import('@hubmesh/origin')).createOrigin(
        { blobs, blocks, catalogs, swarm: mesh, signer, log: log.room('origin'), meter },
        {
          upstream: config.upstream.url,
          token,
          pollSeconds: parseDuration(config.upstream.poll),
          cap: () => caps(new Date()).upstream,
        },
      )
    : undefined
  const library = createLibrary(
    { blobs, blocks, catalogs, swarm: mesh, source: mesh, log: log.room('mirror'), meter },
    {
      policy,
      follow: config.follow,
      hold: config.hold,
      publisherId: signer.publisher,
      pending: (repo) => isPending(origin, repo),
    },
  )

  const { status, ready } = createReports(
    { swarm: mesh, library, blobs, catalogs, meter, origin },
    { publisherId: signer.publisher, site, caps, joinProblem: membership.problem },
  )
  const { host, port } = parseHostPort(config.gateway.listen)
  const gateway = createGateway(
    { library, status, ready, log: log.room('gateway') },
    {
      host,
      port,
      hosts: config.gateway.hosts,
      origins: config.gateway.origins,
      aliases: aliasesOf(config),
      connections: connections.readers,
    },
  )

  // The gateway first: a port in use is the likeliest fault, and known at once.
  parts.defer(() => gateway.stop())
  const { url } = await gateway.start()
  if (!/^(127\.|::1$|localhost$)/.test(host))
    log.warn(
      { gateway: url },
      'the gateway answers everybody who can reach its address: keep strangers out by firewall',
    )
  await mesh.start()
  parts.defer(() => library.stop())
  await library.start()
  if (origin !== undefined) {
    parts.defer(() => origin.stop())
    for (const spec of config.mirror) origin.mirror(parseRepoSpec(spec))
    await origin.start()
  }

  const id = (): NodeId => ({
    peerId: mesh.peerId,
    publisherId: signer.publisher,
    site,
    role,
    addresses: mesh.addresses(),
    gateway: url,
  })
  const ticket = (): string => {
    const publishers = [...(origin === undefined ? [] : [signer.publisher]), ...trustedForAll(config.trust)]
    return invite({ membership, addresses: mesh.addresses(), publishers, site })
  }
  const control = createControl({ library, blobs, origin, id, status, ticket })
  const path = await controlSocketPath(home)
  const server = createControlServer({ control, log: log.room('control') }, { path })
  parts.defer(() => server.stop())
  await server.start()

  const run = { pid: process.pid, gateway: url, peerId: mesh.peerId, addresses: mesh.addresses(), control: path }
  await writeRunFile(home, run)
  parts.defer(() => removeRunFile(home))

  const running = parts.move()
  let stopped: Promise<void> | undefined
  return { control, run, stop: () => (stopped ??= running.disposeAsync()) }
}

const aliasesOf = ({ aliases }: NodeConfig): Readonly<Record<string, RepoRef>> =>
  Object.fromEntries(Object.entries(aliases).map(([name, spec]) => [name, parseAliased(spec)]))

/** A repo that a mirror rule names and that has not been offered yet: readers wait for it. */
const isPending = (origin: Publisher | undefined, repo: RepoRef): boolean =>
  origin
    ?.state()
    .some((mirror) => mirror.repo === repoKey(repo) && mirror.revision === null && mirror.state !== 'failed') === true

/** A node trusts its own publisher: after the others where one signature is enough, and for what no rule speaks of. */
const withOwnPublisher = (rules: NodeConfig['trust'], own: string): TrustPolicy['rules'] => [
  ...rules.map((rule) => (rule.threshold === 1 ? { ...rule, publishers: [...rule.publishers, own] } : rule)),
  { publishers: [own], threshold: 1, repos: ['**'] },
]

/** A ticket makes its holder trust these for every repo: so only those whom this node trusts as much. */
const trustedForAll = (rules: NodeConfig['trust']): string[] =>
  rules
    .filter(({ threshold, repos }) => threshold === 1 && repos.includes('**'))
    .flatMap(({ publishers }) => publishers)

const invite = (invitation: {
  membership: Membership
  addresses: readonly string[]
  publishers: readonly string[]
  site: string
}): string => {
  const { membership, addresses, publishers, site } = invitation
  if (membership.problem !== undefined)
    throw new MeshError('not-ready', 'this node is no member of a mesh yet', { hint: membership.problem })
  if (addresses.length === 0) {
    throw new MeshError('not-ready', 'this node knows no address at which others could reach it', {
      hint: 'start it with --announce /ip4/ADDRESS/tcp/PORT',
    })
  }
  return encodeTicket({
    networkKey: membership.networkKey,
    addresses: addresses.slice(0, MAX_TICKET_ENTRIES),
    publishers: [...new Set(publishers)].slice(0, MAX_TICKET_ENTRIES),
    site,
  })
}

/** What a ticket holds at most, of addresses and of publishers. */
const MAX_TICKET_ENTRIES = 16
