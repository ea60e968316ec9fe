import { type RepoRef, MeshError, isMeshError, isRepoId, parseRepoSpec } from '@hubmesh/content'
import { z } from 'zod'
import { parseDuration, parseHostPort, parseRate, parseSize } from './units.ts'

/** Text that a parser takes; the parser's own words say what is wrong with it. */
const parsedBy = (parse: (text: string) => unknown, description: string) =>
  z
    .string()
    .max(1000)
    .superRefine((text, context) => {
      try {
        parse(text)
      } catch (error) {
        const hint = isMeshError(error) && error.hint !== undefined ? ` (${error.hint})` : ''
        context.addIssue(`${error instanceof Error ? error.message : 'not valid'}${hint}`)
      }
    })
    .describe(description)

const multiaddr = z
  .string()
  .max(255)
  .regex(/^(?:\/[\w.:%+-]+){2,}$/, 'not a multiaddr (for example /ip4/0.0.0.0/tcp/8643)')
const joinAddress = multiaddr.regex(/\/p2p\/\w+$/, 'an address to join ends in /p2p/<peer id>')
const httpUrl = z.url({ protocol: /^https?$/, error: 'not an http or https URL' }).max(1000)
const hostname = z
  .string()
  .max(253)
  .regex(/^[\w.:[\]-]+$/, 'not a host name')

/** The repo that a short name stands for. @throws MeshError `bad-input` */
export const parseAliased = (text: string): RepoRef => {
  const { type, id, ref } = parseRepoSpec(text)
  if (ref !== undefined)
    throw new MeshError('bad-input', 'a short name is of a repo, not of a ref', {
      hint: 'leave out what follows the @',
    })
  return { type, id }
}

const shortName = z.string().refine((name) => isRepoId(name) && !name.includes('/'), 'not a name without a namespace')

const rate = (of: string) => parsedBy(parseRate, `${of}: 20MB/s, 100Mbit/s or unlimited.`).optional()

/** Rates of chunks; each keeps to every rate that it falls under. */
const chunkRates = (words: { all: string; otherSites: string }) =>
  z.strictObject({
    total: rate(words.all),
    readers: rate('Chunks that somebody waits for: who reads, or pulls'),
    prefetch: rate('Chunks that are fetched ahead of anybody asking'),
    repair: rate('Chunks that replace damaged ones'),
    otherSites: rate(words.otherSites),
  })

const upload = chunkRates({
  all: 'All chunks that are sent to other nodes',
  otherSites: 'Whatever goes to another site',
})
const download = chunkRates({
  all: 'All chunks that other nodes are asked for',
  otherSites: 'Whatever comes from another site',
})
const upstream = rate('Bodies of files that a seed fetches from upstream')
const relayed = rate('All that a relay passes on between others')

const timeOfDay = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'not a time (for example 08:00)')

const capWindow = z
  .strictObject({
    from: timeOfDay,
    to: timeOfDay.describe('Not after `from`: on the next day.'),
    days: z
      .array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']))
      .min(1)
      .max(7)
      .optional(),
    upload: upload.optional(),
    download: download.optional(),
    upstream,
    relayed,
  })
  .refine(
    ({ from: _from, to: _to, days: _days, ...rates }) => Object.values(rates).some((held) => held !== undefined),
    'a window without a rate (upload, download, upstream or relayed)',
  )
  .describe('Rates that hold meanwhile; what is not named here holds as at other times.')

export const SITE_PATTERN = /^[\w.-]{1,64}$/

/** hubmesh.yaml. Unknown keys are refused: a typo must not be taken for a default. */
export const configSchema = z
  .strictObject({
    site: z
      .string()
      .regex(SITE_PATTERN, 'a site is 1 to 64 letters, digits, dots, dashes')
      .optional()
      .describe('The place this node stands in: nodes of one site share a fast network. Default: a site of its own.'),
    seed: z.boolean().default(false).describe('May talk to the upstream Hub and publish.'),
    upstream: z
      .strictObject({
        url: httpUrl.default('https://huggingface.co').describe('The Hub, or anything that speaks its HTTP API.'),
        tokenFile: z
          .string()
          .min(1)
          .max(4096)
          .optional()
          .describe('File with the upstream token, readable by its owner.'),
        poll: parsedBy(parseDuration, 'How often to look for new commits: 30s, 5m, 2h.').default('1m'),
      })
      .prefault({}),
    mirror: z
      .array(parsedBy(parseRepoSpec, '[model:|dataset:|space:]ID[@REF]'))
      .max(10_000)
      .default([])
      .describe('Repos that a seed mirrors.'),
    gateway: z
      .strictObject({
        listen: parsedBy(parseHostPort, 'HOST:PORT; port 0 means any free port.').default('127.0.0.1:8642'),
        hosts: z.array(hostname).max(100).default([]).describe('Names that a request may use for this gateway.'),
        origins: z.array(httpUrl).max(100).default([]).describe('Web origins whose pages may read from it (CORS).'),
      })
      .prefault({}),
    aliases: z
      .record(shortName, parsedBy(parseAliased, '[model:|dataset:|space:]ID'))
      .default({})
      .describe('Short names at the gateway: /models/NAME/PATH, or /datasets/NAME/PATH where a dataset is meant.'),
    mesh: z
      .strictObject({
        listen: z
          .array(multiaddr)
          .max(16)
          .default(['/ip4/0.0.0.0/tcp/8643'])
          .describe('Addresses to listen on; [] where nobody can dial in, behind NAT.'),
        relay: z
          .boolean()
          .optional()
          .describe('Pass on what nodes that cannot reach each other send. Default: a seed does.'),
        announce: z
          .array(multiaddr)
          .max(16)
          .default([])
          .describe('Addresses to tell others, behind a port forwarding.'),
        join: z.array(joinAddress).max(64).default([]).describe('Nodes to dial at start.'),
        mdns: z.boolean().default(true).describe('Look for nodes of the same mesh in the local network.'),
      })
      .prefault({}),
    trust: z
      .array(
        z.strictObject({
          publishers: z.array(z.string().max(64)).min(1).max(64).describe('Peer ids.'),
          threshold: z.number().int().min(1).default(1).describe('How many of them must have signed.'),
          repos: z
            .array(z.string().min(1).max(200))
            .min(1)
            .default(['**'])
            .describe('Globs over owner/name or type:owner/name.'),
        }),
      )
      .max(1000)
      .default([])
      .describe('Whose signatures count, for which repos: the first rule that matches decides.'),
    store: z.strictObject({ quota: parsedBy(parseSize, 'Most bytes to hold: 500GB, 1.5TiB.').optional() }).prefault({}),
    limits: z
      .strictObject({
        upload: upload.prefault({}),
        download: download.prefault({}),
        upstream,
        relayed,
        schedule: z
          .array(capWindow)
          .max(100)
          .default([])
          .describe("Other rates by the time of day, on this machine's clock: the first that fits holds."),
      })
      .prefault({}),
    hold: z
      .array(z.string().min(1).max(200))
      .max(1000)
      .default([])
      .describe('Repos to hold whole without anybody asking: globs over owner/name or type:owner/name.'),
    follow: z
      .enum(['complete', 'eager', 'manual'])
      .default('complete')
      .describe('When a ref moves here: when what is held of it is complete, at once, or never by itself.'),
  })
  .describe('Configuration of a hubmesh node')

/** The configuration as it is written: every field optional. */
export type ConfigInput = z.input<typeof configSchema>
export type ConfigValues = z.output<typeof configSchema>

/** The JSON Schema of hubmesh.yaml, for editors. */
export const configJsonSchema = (): object => z.toJSONSchema(configSchema, { io: 'input' })
