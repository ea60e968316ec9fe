/**
 * A local file into the store: copied, cut, hashed three ways, synced and named, in a process of its own. Beside it, turn by
 * turn, `sha256sum` on the same file. A file four times as large shows that memory does not grow with it.
 *
 *     node --conditions=source test/bench/ingest.ts
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MIB } from '@hubmesh/content'
import { type Result, type Usage, alternate, atMost, median, printResults, ratio, seconds } from './measure.ts'
import { GIB, writeRandomFile } from './samples.ts'

const ROUNDS = 5
const LARGE = 4 * GIB

const run = promisify(execFile)

export const ingest = async (): Promise<Result[]> => {
  const folder = await mkdtemp(join(tmpdir(), 'hubmesh-bench-'))
  try {
    const file = join(folder, 'model.safetensors')
    await writeRandomFile(file, GIB)
    const samples: Sample[] = []
    const rounds = await alternate(ROUNDS, {
      ours: async () => {
        const sample = await ingestOnce(file, folder)
        samples.push(sample)
        return GIB / sample.seconds
      },
      theirs: async () => GIB / (await seconds(() => run('sha256sum', [file]))),
    })
    await rm(file)
    const large = join(folder, 'large.safetensors')
    await writeRandomFile(large, LARGE)
    const { peakRss } = await ingestOnce(large, folder)
    return [
      { what: 'sha256sum', figure: `${(rounds.theirs / 1e6).toFixed(0)} MB/s` },
      { what: 'ingest', figure: `${(rounds.ours / 1e6).toFixed(0)} MB/s` },
      ratio('ingest / sha256sum', rounds.ours, rounds.theirs, 0.4),
      { what: '  CPU', figure: `${median(samples.map((sample) => sample.cpuSeconds)).toFixed(2)} s/GiB` },
      atMost('peak memory, 1 GiB', Math.max(...samples.map((sample) => sample.peakRss)) / MIB, 300, 'MiB'),
      atMost('peak memory, 4 GiB', peakRss / MIB, 300, 'MiB'),
    ]
  } finally {
    await rm(folder, { recursive: true })
  }
}

interface Sample extends Usage {
  readonly seconds: number
}

const SCRIPT = fileURLToPath(new URL('ingest-file.ts', import.meta.url))

/** Into an empty home, which is gone afterwards. */
const ingestOnce = async (file: string, folder: string): Promise<Sample> => {
  const home = join(folder, 'home')
  try {
    const { stdout } = await run(process.execPath, [...process.execArgv, SCRIPT, file, home])
    return JSON.parse(stdout) as Sample
  } finally {
    await rm(home, { recursive: true })
  }
}

if (import.meta.main) printResults('ingest of a local file of 1 GiB', await ingest())
