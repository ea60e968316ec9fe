import { MeshError } from '@hubmesh/content'
import { type Ticket, type TrustRule, createPolicy, decodeTicket } from '@hubmesh/trust'
import { isMap, isSeq } from 'yaml'
import { type ConfigFile, configPath, readConfigFile } from './config.ts'
import { SITE_PATTERN } from './config-schema.ts'
import { replaceFile } from './files.ts'
import { prepareHome } from './home.ts'
import { writeNetworkKey } from './network-key.ts'

export interface JoinOptions {
  /** Publishers to trust instead of those that the ticket names. */
  readonly trust?: readonly string[]
  readonly site?: string | undefined
}

export interface JoinResult {
  readonly addresses: readonly string[]
  readonly trusts: readonly string[]
  /** Where the ticket's issuer stands: a hint, never taken over. */
  readonly issuerSite?: string | undefined
}

/**
 * Makes a home a member of the mesh that the tickets are of: writes the network key, the addresses to dial and the trust
 * rule. All is checked before anything is written, and comments in hubmesh.yaml stay.
 * @throws MeshError `config` for a ticket or configuration that cannot be used, `usage` for a bad site or publisher, `io`
 */
export const joinMesh = async (
  home: string,
  tickets: readonly [string, ...string[]],
  options: JoinOptions = {},
): Promise<JoinResult> => {
  const ticket = combine(tickets.map((text) => decodeTicket(text)))
  if (options.site !== undefined && !SITE_PATTERN.test(options.site))
    throw new MeshError('usage', '--site: a site is 1 to 64 letters, digits, dots, dashes')
  const rule = trustRule(ticket, options.trust ?? [])
  await prepareHome(home)
  const file = await readConfigFile(home)
  changeDocument(file, { ticket, rule, site: options.site })
  await writeNetworkKey(home, ticket.networkKey)
  await replaceFile(configPath(home), file.document.toString(), 0o600)
  return { addresses: ticket.addresses, trusts: rule.publishers, issuerSite: ticket.site }
}

/** Tickets of several nodes of one mesh are as good as one with all their addresses. */
const combine = (tickets: readonly Ticket[]): Ticket => {
  const [first, ...others] = tickets
  if (first === undefined) throw new MeshError('usage', 'no ticket was given')
  if (others.some(({ networkKey }) => Buffer.compare(networkKey, first.networkKey) !== 0)) {
    throw new MeshError('usage', 'these tickets are of different meshes', {
      hint: 'a home belongs to one mesh: use another --home for the other',
    })
  }
  return {
    ...first,
    addresses: [...new Set(tickets.flatMap(({ addresses }) => addresses))],
    publishers: [...new Set(tickets.flatMap(({ publishers }) => publishers))],
  }
}

const trustRule = (ticket: Ticket, named: readonly string[]): TrustRule => {
  const publishers = named.length > 0 ? named : ticket.publishers
  if (publishers.length === 0) {
    throw new MeshError('usage', 'the ticket names no publisher to trust', {
      hint: 'name one with --trust: its publisher id is what `hubmesh id` prints at the seed',
    })
  }
  const rule = { publishers: [...publishers], threshold: 1, repos: ['**'] }
  createPolicy([rule])
  return rule
}

const changeDocument = (
  { document, input }: ConfigFile,
  change: { ticket: Ticket; rule: TrustRule; site: string | undefined },
): void => {
  document.contents ??= document.createNode({})
  const held = input.mesh?.join ?? []
  for (const address of change.ticket.addresses.filter((address) => !held.includes(address)))
    append(document, ['mesh', 'join'], address)
  if (!mergeIntoRule(document, input.trust ?? [], change.rule)) append(document, ['trust'], change.rule)
  if (change.site !== undefined) document.setIn(['site'], change.site)
}

/** A second ticket's publishers join the rule for all repos that is there: of two such rules the second would never be asked. */
const mergeIntoRule = (
  document: ConfigFile['document'],
  rules: NonNullable<ConfigFile['input']['trust']>,
  added: TrustRule,
): boolean => {
  const index = rules.findIndex(({ repos = ['**'], threshold = 1 }) => repos.includes('**') && threshold === 1)
  const rule = rules[index]
  if (rule === undefined) return false
  for (const publisher of added.publishers.filter((publisher) => !rule.publishers.includes(publisher)))
    append(document, ['trust', index, 'publishers'], publisher)
  return true
}

const append = (document: ConfigFile['document'], path: (string | number)[], value: unknown): void => {
  const list = document.getIn(path, true)
  if (isSeq(list)) return list.add(document.createNode(value))
  const [section] = path
  if (path.length === 2 && !isMap(document.get(section, true))) document.set(section, document.createNode({}))
  document.setIn(path, document.createNode([value]))
}
