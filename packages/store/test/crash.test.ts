import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, open, readdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { MIB, sha256Of } from '@hubmesh/content'
import { sampleBlob } from '@hubmesh/testing'
import { useHomes } from './homes.ts'

const never = new AbortController().signal
/** What may be fetched again after a kill. */
const MAX_LOST = 16 * MIB
const SIZE = 48 * MIB

/** Each of these starts a process that writes 48 MiB, on a machine that may be busy. */
const options = { timeout: 90_000 }

describe('a store whose process is killed', options, () => {
  const newHome = useHomes()
  const sample = sampleBlob(SIZE, 1)

  it.each([1, 30])('claims no chunk that is not there, and loses little, after %i MiB of a partial', async (mib) => {
    const home = await newHome()
    const taken = await runAndKill(home.home, 'partial', mib * MIB)
    const store = await home.open()
    const partial = await store.blobs.openPartial(sample.plan)
    let claimed = 0
    for (const [index, chunk] of sample.chunks.entries()) {
      if (!partial.have.has(index)) continue
      expect((await partial.readChunk(index))?.sha256).toBe(chunk.sha256)
      claimed += chunk.length
    }
    expect(taken - claimed).toBeLessThanOrEqual(MAX_LOST)
    for (const [index, chunk] of sample.chunks.entries()) await partial.putChunk(index, chunk)
    await partial.finished
    await partial.close()
    expect(await store.blobs.has(sample.sha256)).toBe(true)
  })

  it.each([1, 30])('claims no byte that is not there, and loses little, after %i MiB of an ingest', async (mib) => {
    const home = await newHome()
    const taken = await runAndKill(home.home, 'ingest', mib * MIB)
    const store = await home.open()
    const plan = { key: sample.gitOid, size: SIZE, expect: { sha256: sample.sha256 } }
    const ingest = await store.blobs.ingest(plan)
    const missing = ingest.missing()
    const staged = await readStaging(home.home)
    for (const { start, end } of missing) staged.set(sample.bytes.subarray(start, end), start)
    expect(sha256Of(staged)).toBe(sample.sha256)
    const claimed = SIZE - missing.reduce((sum, { start, end }) => sum + end - start, 0)
    expect(taken - claimed).toBeLessThanOrEqual(MAX_LOST)
    for (const { start, end } of missing) await ingest.write(start, sample.bytes.subarray(start, end))
    expect((await ingest.finish(never)).list).toBe(sample.list)
    await ingest.close()
  })

  it('takes back a partial that was renamed, but whose name was not recorded', async () => {
    const home = await newHome()
    const partial = await (await home.open()).blobs.openPartial(sample.plan)
    for (const [index, chunk] of sample.chunks.entries()) if (index > 0) await partial.putChunk(index, chunk)
    await partial.close()
    await home.close()
    const blob = join(home.home, 'blobs', 'sha256', sample.sha256.slice(0, 2), sample.sha256)
    await mkdir(dirname(blob), { recursive: true })
    await rename(join(home.home, 'partial', sample.list), blob)
    await chmod(blob, 0o444)
    const store = await home.open()
    expect(await store.blobs.has(sample.sha256)).toBe(false)
    const again = await store.blobs.openPartial(sample.plan)
    expect(again.have.count).toBe(sample.chunks.length - 1)
    for (const chunk of sample.chunks.slice(0, 1)) await again.putChunk(0, chunk)
    await again.finished
    await again.close()
    expect(await store.blobs.has(sample.sha256)).toBe(true)
  })

  it('removes what nobody knows', async () => {
    const home = await newHome()
    await home.open()
    await home.close()
    await (await open(join(home.home, 'partial', 'tmp-1'), 'w')).close()
    await home.open()
    expect(await readdir(join(home.home, 'partial'))).toEqual([])
  })
})

describe('a store that is closed', options, () => {
  const newHome = useHomes()

  it('keeps no process alive', async () => {
    const home = await newHome()
    const child = startWriter(home.home, 'ingest')
    child.stdout?.resume()
    const [code] = (await once(child, 'exit')) as [number]
    expect(code).toBe(0)
  })
})

const startWriter = (home: string, mode: 'partial' | 'ingest'): ChildProcess => {
  const script = fileURLToPath(new URL('writer.ts', import.meta.url))
  const args = ['--conditions=source', '--disable-warning=ExperimentalWarning', script, home, mode, String(SIZE), '1']
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Kills the writer once it has told of so many bytes. Resolves with how many it told of in all. */
const runAndKill = async (home: string, mode: 'partial' | 'ingest', bytes: number): Promise<number> => {
  const child = startWriter(home, mode)
  if (child.stdout === null) throw new Error('a pipe was asked for')
  const exited = once(child, 'exit')
  let taken = 0
  for await (const line of createInterface({ input: child.stdout })) {
    taken = Number(line)
    if (taken >= bytes) child.kill('SIGKILL')
  }
  expect(await exited).toEqual([null, 'SIGKILL'])
  return taken
}

const readStaging = async (home: string): Promise<Uint8Array> => {
  const folder = join(home, 'partial')
  const name = (await readdir(folder)).find((one) => one.startsWith('in-'))
  const file = await open(join(folder, name ?? ''), 'r')
  try {
    return new Uint8Array(await file.readFile())
  } finally {
    await file.close()
  }
}
