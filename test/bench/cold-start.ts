/**
 * A reader at an office that has nothing of a file, over links of several rates to the one seed: how soon its first byte comes,
 * beside the same round trips (the list, its page, the first chunk) of plain TCP over the same link; how long it ever waits; and
 * when it is done, beside a pull that nobody reads.
 *
 *     node --conditions=source test/bench/cold-start.ts
 */
import { once } from 'node:events'
import { mkdir, readFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { KIB, MIB, createCutter } from '@hubmesh/content'
import { type Swarm, type SwarmNode, createSwarm } from '../integration/local-swarm.ts'
import { listen } from '../integration/listen.ts'
import { type PacedLink, createPacedLink, createSlowLink } from '../integration/slow-link.ts'
import { type Result, atMost, median, printResults, seconds } from './measure.ts'
import { NO_UPSTREAM, publish, writeRandomFile } from './samples.ts'

/** Of the links, in bytes a second, and of the file that is read over each. */
const LINKS = [
  { rate: 10 * MIB, size: 32 * MIB, rounds: 5 },
  { rate: MIB, size: 8 * MIB, rounds: 3 },
  { rate: 50_000, size: MIB, rounds: 3 },
]
/** A first chunk can take longer than a client waits: only there it is told to come back. */
const CLIENT_WAITS_S = 10
const ADDED_MS = 50
const PLAIN_ROUNDS = 3
/** A link is quiet that carries so little in such a time: pings and gossip go on. */
const QUIET_BYTES = 500
const QUIET_MS = 500
/** About what a list's root is, and what its page says of each chunk. */
const LIST_BYTES = 200
const BYTES_PER_CHUNK = 36

interface Link {
  readonly rate: number
  readonly size: number
  readonly rounds: number
}

interface Read {
  /** Seconds from the first request to the first byte, to the last, and the longest between two bytes or answers. */
  readonly first: number
  readonly last: number
  readonly silence: number
}

export const coldStart = async (): Promise<Result[]> => {
  await using swarm = await createSwarm()
  const seed = await swarm.startSeed({ upstream: NO_UPSTREAM })
  const results: Result[] = []
  for (const link of LINKS) results.push(...(await measureLink(swarm, seed, link)))
  return results
}

const measureLink = async (swarm: Swarm, seed: SwarmNode, { rate, size, rounds }: Link): Promise<Result[]> => {
  const repo = `bench/at-${rate}`
  const folder = join(swarm.folder, `at-${rate}`)
  await mkdir(folder)
  await writeRandomFile(join(folder, 'model.bin'), size)
  await publish(seed, folder, repo)
  const chunks = chunkLengths(await readFile(join(folder, 'model.bin')))
  const first = chunks[0] ?? size
  const reads: Read[] = []
  const pulls: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    await withOffice(swarm, { seed, rate, repo, name: `reader-${rate}-${round}` }, async (office) => {
      reads.push(await readAll(`${office.gateway}/${repo}/resolve/main/model.bin`, size))
    })
    await withOffice(swarm, { seed, rate, repo, name: `puller-${rate}-${round}` }, async (office) => {
      pulls.push(await seconds(() => office.cli('pull', repo)))
    })
  }
  const firstMs = median(reads.map((read) => read.first)) * 1000
  const plainMs = (await plainSeconds(rate, [LIST_BYTES, chunks.length * BYTES_PER_CHUNK, first])) * 1000
  const last = median(reads.map((read) => read.last))
  return [
    { what: `a link of ${(rate / KIB).toFixed(0)} KiB/s`, figure: `first chunk ${(first / KIB).toFixed(0)} KiB` },
    atMost('  first byte', firstMs, Math.round(plainMs + ADDED_MS), 'ms'),
    atMost('  longest silence', Math.max(...reads.map(({ silence }) => silence)), CLIENT_WAITS_S, 's'),
    atMost('  last byte / a pull without a reader', last / median(pulls), 1.05, ''),
  ]
}

const chunkLengths = (bytes: Uint8Array): number[] => {
  const ends = [...createCutter({ size: bytes.length }).push(bytes), bytes.length]
  return [...new Set(ends)].map((end, at) => end - (ends[at - 1] ?? 0))
}

/** Seconds of questions and answers of so many bytes, one after another, over a link of its own and an open connection. */
const plainSeconds = async (rate: number, answers: readonly number[]): Promise<number> => {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('data', (asked: Buffer) => socket.write(new Uint8Array(Number(asked))))
    socket.on('error', () => {}) // the asker leaves as it likes
  })
  const port = await listen(server)
  await using link = await createPacedLink(() => port, rate)
  const socket = connect({ host: '127.0.0.1', port: link.port, noDelay: true })
  const ask = async (bytes: number): Promise<void> => {
    socket.write(String(bytes))
    for (let got = 0; got < bytes;) got += ((await once(socket, 'data'))[0] as Buffer).length
  }
  await ask(1)
  const rounds: number[] = []
  for (let round = 0; round < PLAIN_ROUNDS; round += 1)
    rounds.push(
      await seconds(async () => {
        for (const bytes of answers) await ask(bytes)
      }),
    )
  socket.destroy()
  server.close()
  return median(rounds)
}

/** With an office of its own that knows the manifest, over a link of its own. */
const withOffice = async (
  swarm: Swarm,
  { seed, rate, repo, name }: { seed: SwarmNode; rate: number; repo: string; name: string },
  work: (office: SwarmNode) => Promise<void>,
): Promise<void> => {
  await using link = await createSlowLink(seed, rate)
  const office = await swarm.startOffice(name, { ticket: await link.ticket() })
  try {
    await office.waitFor('the repo', ({ repos }) => repos.some(({ id }) => id === repo))
    const listed = await fetch(`${office.gateway}/api/models/${repo}/tree/main`)
    if (!listed.ok) throw new Error(`the tree answers ${listed.status}`)
    await quiet(link)
    await work(office)
  } finally {
    await office.stop()
  }
}

/** Waits until the office has heard what there is to be heard: the other repos' catalogs come over the same link. */
const quiet = async (link: PacedLink): Promise<void> => {
  for (let before = -Infinity; link.bytes - before > QUIET_BYTES;) {
    before = link.bytes
    await sleep(QUIET_MS)
  }
}

/** Takes the file as Hub clients do: comes back when it is told to, and goes on where it was cut. */
const readAll = async (url: string, size: number): Promise<Read> => {
  const start = performance.now()
  let at = 0
  let heard = start
  let first = NaN
  let silence = 0
  const hear = (): void => {
    silence = Math.max(silence, performance.now() - heard)
    heard = performance.now()
  }
  while (at < size) {
    const response = await fetch(url, { headers: { range: `bytes=${at}-` } })
    hear()
    if (response.status === 429) {
      await sleep(Number(response.headers.get('retry-after')) * 1000)
      heard = performance.now()
      continue
    }
    if (response.status !== 206) throw new Error(`${url} answers ${response.status}`)
    for await (const part of response.body ?? []) {
      hear()
      if (at === 0) first = performance.now() - start
      at += part.length
    }
  }
  return { first: first / 1000, last: (performance.now() - start) / 1000, silence: silence / 1000 }
}

if (import.meta.main) printResults('a cold file over a slow link', await coldStart())
