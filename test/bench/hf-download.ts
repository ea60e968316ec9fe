/**
 * `hf download` of a repo of 1 000 files, through a real node that holds them, and from a plain server that gives the same
 * answers, turn by turn.
 *
 *     node --conditions=source test/bench/hf-download.ts
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { KIB } from '@hubmesh/content'
import { preparePython } from '../e2e/python-environment.ts'
import { createSwarm } from '../integration/local-swarm.ts'
import { type Result, alternate, atMost, printResults, seconds } from './measure.ts'
import type { Recorded, Recording } from './recorded-server.ts'
import { NO_UPSTREAM, publish } from './samples.ts'
import { startServer } from './serve.ts'

const FILES = 1_000
const FILE_BYTES = 16 * KIB
const ROUNDS = 3
const REPO = 'bench/many'
const CLIENT = 'huggingface_hub==2.0.0'
const INSTALL_MS = 10 * 60_000
/** Of an answer's headers, those that the other server makes for itself. */
const OWN_HEADERS = new Set(['connection', 'keep-alive', 'date'])

const run = promisify(execFile)

export const hfDownload = async (): Promise<Result[]> => {
  const bin = await preparePython([CLIENT], AbortSignal.timeout(INSTALL_MS))
  await using swarm = await createSwarm()
  const folder = join(swarm.folder, 'many')
  await mkdir(folder)
  const names = Array.from({ length: FILES }, (_, n) => `part-${n}.bin`)
  for (const name of names) await writeFile(join(folder, name), randomBytes(FILE_BYTES))
  const seed = await swarm.startSeed({ upstream: NO_UPSTREAM })
  await publish(seed, folder, REPO)
  const recording = join(swarm.folder, 'recording.json')
  await writeFile(recording, JSON.stringify(await record(seed.gateway, names)))
  const plain = await startServer('recorded-server.ts', recording, folder)
  try {
    const download = (endpoint: string) => async (): Promise<number> => {
      const home = join(swarm.folder, 'user')
      const env = { ...process.env, HOME: home, HF_HOME: join(home, 'hf'), HF_ENDPOINT: endpoint, ...QUIET }
      const taken = await seconds(() => run(join(bin, 'hf'), ['download', REPO], { env }))
      await rm(home, { recursive: true })
      return taken
    }
    const times = await alternate(ROUNDS, { gateway: download(seed.gateway), plain: download(plain.url) })
    return [
      { what: `hf download of ${FILES} files, plain server`, figure: `${times.plain.toFixed(1)} s` },
      { what: 'the same through the gateway', figure: `${times.gateway.toFixed(1)} s` },
      atMost('gateway / plain server', times.gateway / times.plain, 1, ''),
    ]
  } finally {
    plain.stop()
  }
}

const QUIET = {
  HF_HUB_DISABLE_TELEMETRY: '1',
  HF_HUB_DISABLE_UPDATE_CHECK: '1',
  HF_HUB_DISABLE_PROGRESS_BARS: '1',
}

/** What the client will ask for, as the gateway answers it. */
const record = async (gateway: string, names: readonly string[]): Promise<Recording> => {
  const recording: Record<string, Recorded> = {}
  const ask = async (path: string, file?: string): Promise<string> => {
    const response = await fetch(gateway + path)
    if (!response.ok) throw new Error(`${path} answers ${response.status}`)
    const headers = Object.fromEntries([...response.headers].filter(([name]) => !OWN_HEADERS.has(name)))
    const text = await response.text()
    recording[path.split('?')[0] ?? path] = { headers, body: file === undefined ? { text } : { file } }
    return text
  }
  const { sha } = JSON.parse(await ask(`/api/models/${REPO}/revision/main`)) as { sha: string }
  await ask(`/api/models/${REPO}/tree/${sha}?recursive=true&expand=false`)
  await ask('/api/agent-harnesses')
  for (const name of names) await ask(`/${REPO}/resolve/${sha}/${name}`, name)
  return recording
}

if (import.meta.main) printResults('hf download', await hfDownload())
