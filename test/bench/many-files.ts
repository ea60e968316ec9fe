/**
 * A repo of 10 000 files: making and reading its manifest, its way to an office that has nothing of it, and HEADs at the node
 * that holds them all.
 *
 *     node --conditions=source test/bench/many-files.ts
 */
import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { Agent, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import {
  type FileEntry,
  type GitOid,
  type ManifestDraft,
  type Sha256,
  decodeManifest,
  decodeManifestEntries,
  encodeManifest,
} from '@hubmesh/content'
import { type SwarmNode, createSwarm } from '../integration/local-swarm.ts'
import { type Result, atMost, median, percentile, printResults, seconds } from './measure.ts'
import { NO_UPSTREAM, publish } from './samples.ts'

const FILES = 10_000
const FILES_PER_FOLDER = 100
const FILE_BYTES = 1000
const HEADS = 5_000
const ROUNDS = 5
const REPO = 'bench/corpus'
const PATHS = Array.from({ length: FILES }, (_, n) => `part-${Math.floor(n / FILES_PER_FOLDER)}/page-${n}.txt`)

export const manyFiles = async (): Promise<Result[]> => {
  const { encoding, decoding } = timeManifest()
  await using swarm = await createSwarm()
  const seed = await swarm.startSeed({ upstream: NO_UPSTREAM })
  const folder = join(swarm.folder, 'corpus')
  await writePages(folder)
  const publishing = await seconds(() => publish(seed, folder, REPO))
  const office = await swarm.startOffice('office', { ticket: await seed.ticket() })
  const listing = await timeListing(office)
  const heads = await timeHeads(seed)
  return [
    atMost('manifest, making', encoding, 1, 's'),
    atMost('manifest, reading', decoding, 1, 's'),
    { what: 'publish of the folder, all files stored', figure: `${publishing.toFixed(1)} s` },
    atMost('first page of the tree at an office, ref known', listing.first, 1, 's'),
    { what: 'the whole tree after it, in pages of 1 000', figure: `${listing.rest.toFixed(2)} s` },
    { what: 'HEAD, median', figure: `${median(heads).toFixed(2)} ms` },
    atMost('HEAD, 99th percentile', percentile(heads, 0.99), 10, 'ms'),
  ]
}

/** Seconds, in this process, without disk or network. */
const timeManifest = (): { encoding: number; decoding: number } => {
  const samples = Array.from({ length: ROUNDS }, () => {
    const draft = sampleDraft() // of its own: nothing that an earlier round knows
    const start = performance.now()
    const { root, pages } = encodeManifest(draft)
    const encoded = performance.now()
    decodeManifest(root.bytes)
    decodeManifestEntries(pages.map((page) => page.bytes))
    return { encoding: (encoded - start) / 1000, decoding: (performance.now() - encoded) / 1000 }
  })
  return {
    encoding: median(samples.map((sample) => sample.encoding)),
    decoding: median(samples.map((sample) => sample.decoding)),
  }
}

const sampleDraft = (): ManifestDraft => {
  const date = '2026-01-01T00:00:00Z'
  const revision = randomBytes(20).toString('hex') as GitOid
  const entries = PATHS.map((path): FileEntry => {
    const sha256 = randomBytes(32).toString('hex') as Sha256
    const oid = randomBytes(20).toString('hex') as GitOid
    return { path, size: FILE_BYTES, oid, sha256, lastCommit: { id: revision, title: 'All pages', date } }
  })
  const commit = { id: revision, title: 'All pages', date }
  return {
    repo: { type: 'model', id: REPO },
    revision,
    createdAt: date,
    upstream: 'publish',
    info: {},
    commit,
    entries,
  }
}

const writePages = async (folder: string): Promise<void> => {
  for (const [n, path] of PATHS.entries()) {
    if (n % FILES_PER_FOLDER === 0) await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), randomBytes(FILE_BYTES))
  }
}

/** Seconds from the moment the office knows the ref: its manifest still has to come from the seed. */
const timeListing = async ({ gateway }: SwarmNode): Promise<{ first: number; rest: number }> => {
  const api = `${gateway}/api/models/${REPO}`
  while (!(await fetch(`${api}/refs`)).ok);
  const pages: Response[] = []
  const first = await seconds(async () => pages.push(await getPage(`${api}/tree/main?recursive=true`)))
  const rest = await seconds(async () => {
    for (let next = nextOf(pages[0]); next !== undefined; next = nextOf(pages.at(-1))) pages.push(await getPage(next))
  })
  const listed = await Promise.all(pages.map((page) => page.json() as Promise<{ type: string }[]>))
  const files = listed.flat().filter(({ type }) => type === 'file').length
  if (files !== FILES) throw new Error(`the tree has ${files} files of ${FILES}`)
  return { first, rest }
}

const getPage = async (url: string): Promise<Response> => {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url} answers ${response.status}`)
  return response
}

const nextOf = (page: Response | undefined): string | undefined =>
  /<([^>]+)>; rel="next"/.exec(page?.headers.get('link') ?? '')?.[1]

/** Milliseconds of each HEAD: one after the other, over one connection. */
const timeHeads = async ({ gateway }: SwarmNode): Promise<number[]> => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const times: number[] = []
  for (let n = 0; n < HEADS; n += 1) {
    const path = PATHS[randomInt(FILES)]
    const start = performance.now()
    const sent = request(`${gateway}/${REPO}/resolve/main/${path}`, { method: 'HEAD', agent }).end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    times.push(performance.now() - start)
    if (response.statusCode !== 200 || response.headers['content-length'] !== String(FILE_BYTES))
      throw new Error(`HEAD of ${path} answers ${response.statusCode}`)
  }
  agent.destroy()
  return times
}

if (import.meta.main) printResults(`a repo of ${FILES} files`, await manyFiles())
