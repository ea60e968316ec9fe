/**
 * The whole of hubmesh on one machine, in a minute: a small Hub, a seed that mirrors it, two offices that join by ticket.
 *
 *     npx -y pnpm@12 demo            stays up until Ctrl-C, so that you can try the URLs it prints
 *     npx -y pnpm@12 demo --once     ends by itself; non-zero when any byte was not as it should be
 */
import { once } from 'node:events'
import type { RepoStatus } from '@hubmesh/content'
import { type SampleHub, addSampleRepos, buildSampleRepos, commitNext, createSampleHub } from '@hubmesh/testing'
import { createBar, megabytes, printTable, say } from './demo/screen.ts'
import { type Swarm, type SwarmNode, createSwarm, download, freePort } from './integration/local-swarm.ts'

const OFFICES = ['berlin', 'lisbon'] as const
const SEED_PORT = 8642
const SYNC_WITHIN_MS = 120_000
/** What the offices may move for an update, beside the files that changed. */
const UPDATE_SLACK = 1.05

/** One file as it must arrive. */
interface Wanted {
  readonly repo: string
  readonly path: string
  readonly size: number
  readonly sha256: string
}

interface Stage {
  readonly hub: SampleHub
  readonly repos: readonly string[]
  readonly seed: SwarmNode
  readonly offices: readonly SwarmNode[]
}

const main = async (): Promise<void> => {
  const hub = await createSampleHub()
  const swarm = await createSwarm()
  const cleanUp = async (): Promise<void> => {
    await swarm.stop()
    await hub.stop()
  }
  const interrupted = once(process, 'SIGINT').then(() => 'interrupted' as const)
  try {
    const run = demonstrate(hub, swarm)
    if ((await Promise.race([run, interrupted])) === 'interrupted') {
      run.catch(() => {}) // it fails now because its nodes are being stopped
      process.exitCode = 130
    } else if (!process.argv.includes('--once')) {
      say('\nUp until Ctrl-C.')
      await interrupted
    }
  } finally {
    await cleanUp()
  }
}

const demonstrate = async (hub: SampleHub, swarm: Swarm): Promise<void> => {
  const samples = await buildSampleRepos()
  await addSampleRepos(hub, samples)
  const repos = samples.map(({ name }) => name)
  const stage = await setUp(hub, swarm, repos)
  await downloadEverywhere(stage)
  await printSuppliers(stage)

  say('\nThe Hub moves on: one file changed, one grew near its front, one came, one went.')
  const before = { files: wantedFiles(stage), moved: await Promise.all(stage.offices.map(movedBytes)) }
  await commitNext(hub, samples)
  await followUpdate(stage, before)
  printUrls(stage)
}

const setUp = async (hub: SampleHub, swarm: Swarm, repos: readonly string[]): Promise<Stage> => {
  say(`The sample Hub is at ${hub.url}, with ${repos.join(', ')}.`)
  const seed = await swarm.startSeed({ upstream: hub.url, mirror: repos, gateway: await gatewayAt(SEED_PORT) })
  say(`A seed mirrors them: ${seed.gateway}`)
  const total = sum(wantedFiles({ hub, repos }))
  const bar = createBar('seed pulls', total)
  await seed.waitFor(
    'the first mirror of all repos',
    ({ mirrors, counters }) => {
      bar.set(Math.min(total, counters.upstreamBytes))
      return isMirrored(mirrors, { hub, repos })
    },
    SYNC_WITHIN_MS,
  )
  bar.end()
  const ticket = await seed.ticket()
  const offices: SwarmNode[] = []
  for (const [index, name] of OFFICES.entries()) {
    const office = await swarm.startOffice(name, { ticket, gateway: await gatewayAt(SEED_PORT + 10 * (index + 1)) })
    say(`An office joins by ticket: ${name}, ${office.gateway}`)
    offices.push(office)
  }
  return { hub, repos, seed, offices }
}

/** One office after the other, so that the second finds the bytes at the first as well. */
const downloadEverywhere = async (stage: Stage): Promise<void> => {
  const wanted = wantedFiles(stage)
  for (const office of stage.offices) await downloadAll(office, wanted)
  say(`Every sha256 of ${wanted.length} files is that of the source, at both offices.`)
}

const downloadAll = async (office: SwarmNode, wanted: readonly Wanted[]): Promise<void> => {
  const bar = createBar(`${office.name} downloads`, sum(wanted))
  for (const { repo, path, size, sha256 } of wanted) {
    const got = await download(resolveUrl(office, repo, path), (bytes) => bar.add(bytes))
    if (got.status !== 200 || got.bytes !== size || got.sha256 !== sha256)
      throw new Error(`${office.name}: ${repo}/${path} is not what the Hub has (${got.status}, ${got.bytes} bytes)`)
  }
  bar.end()
}

/** Who gave how much to whom, as each node counted it. */
const printSuppliers = async ({ hub, repos, seed, offices }: Stage): Promise<void> => {
  const givers = [seed, ...offices]
  const rows = [['supplied to', 'the Hub', ...givers.map(({ name }) => name), 'own disk']]
  for (const node of givers) {
    const { counters, peers } = await node.status()
    const from = (giver: SwarmNode): number => peers.find(({ peerId }) => peerId === giver.peerId)?.bytesIn ?? 0
    rows.push([
      node.name,
      megabytes(counters.upstreamBytes),
      ...givers.map((giver) => (giver === node ? '' : megabytes(from(giver)))),
      megabytes(counters.localBytes),
    ])
  }
  say(`\nOne copy is ${megabytes(sum(wantedFiles({ hub, repos })))}. Who supplied how many bytes:`)
  printTable(rows)
}

const followUpdate = async (stage: Stage, before: { files: readonly Wanted[]; moved: number[] }): Promise<void> => {
  const wanted = wantedFiles(stage)
  const known = new Set(before.files.map(({ sha256 }) => sha256))
  const changed = sum(wanted.filter(({ sha256 }) => !known.has(sha256)))
  const startedAt = performance.now()
  for (const office of stage.offices) {
    await office.waitFor('the update', ({ repos }) => isAtHead(repos, stage), SYNC_WITHIN_MS)
    say(`The update is at ${office.name}, ${((performance.now() - startedAt) / 1000).toFixed(1)} s after the commit.`)
  }
  for (const [index, office] of stage.offices.entries()) {
    await downloadAll(office, wanted)
    const moved = (await movedBytes(office)) - (before.moved[index] ?? 0)
    say(`${office.name} moved ${megabytes(moved)}; the files that changed have ${megabytes(changed)}.`)
    if (moved > changed * UPDATE_SLACK) throw new Error(`${office.name} moved more than what changed`)
  }
}

const isAtHead = (held: readonly RepoStatus[], { hub, repos }: Stage): boolean =>
  repos.every((repo) => held.some((entry) => nameOf(entry) === repo && entry.revision === hub.sha(repo)))

const movedBytes = async (office: SwarmNode): Promise<number> => {
  const { counters } = await office.status()
  return counters.wanBytes + counters.siteBytes
}

const printUrls = ({ repos, offices }: Stage): void => {
  const [office] = offices
  const [repo = ''] = repos
  if (office === undefined) return
  say('\nTry:')
  say(`  curl ${office.gateway}/-/api/status`)
  say(`  curl -L ${resolveUrl(office, repo, 'config.json')}`)
  say(`  HF_ENDPOINT=${office.gateway} hf download ${repo}`)
  say(`  npx -y pnpm@12 hubmesh status --home ${office.home}`)
}

const wantedFiles = ({ hub, repos }: Pick<Stage, 'hub' | 'repos'>): Wanted[] =>
  repos.flatMap((repo) =>
    [...hub.source(repo).values()].map(({ path, size, sha256 }) => ({ repo, path, size, sha256 })),
  )

const isMirrored = (
  mirrors: Awaited<ReturnType<SwarmNode['status']>>['mirrors'],
  { hub, repos }: Pick<Stage, 'hub' | 'repos'>,
): boolean => {
  const failed = mirrors.find(({ state }) => state === 'failed')
  if (failed !== undefined) throw new Error(`the seed could not mirror ${failed.repo}: ${failed.error}`)
  return repos.every((repo) => mirrors.some((mirror) => mirror.state === 'idle' && mirror.revision === hub.sha(repo)))
}

const resolveUrl = ({ gateway }: SwarmNode, repo: string, path: string): string => {
  const [, type = '', id = repo] = /^(?:(dataset|space|model):)?(.*)$/.exec(repo) ?? []
  const prefix = type === '' || type === 'model' ? '' : `${type}s/`
  return `${gateway}/${prefix}${id}/resolve/main/${path.split('/').map(encodeURIComponent).join('/')}`
}

const nameOf = ({ type, id }: RepoStatus): string => (type === 'model' ? id : `${type}:${id}`)

const gatewayAt = async (port: number): Promise<string> => `127.0.0.1:${await freePort(port)}`

const sum = (files: readonly Wanted[]): number => files.reduce((total, { size }) => total + size, 0)

await main()
