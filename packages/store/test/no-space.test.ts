import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { MIB, createMeter, nameBytes, silentLog } from '@hubmesh/content'
import { sampleBlob, sampleBytes } from '@hubmesh/testing'
import { openStore } from '../src/index.ts'

/** A file system of 64 MiB in memory; undefined where this user may not mount one. */
const mountSmall = (): string | undefined => {
  const folder = mkdtempSync(join(tmpdir(), 'hubmesh-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder], { stdio: 'ignore' })
    return folder
  } catch {
    rmSync(folder, { recursive: true })
    return undefined // told below
  }
}

const folder = mountSmall()
if (folder === undefined) console.warn('SKIPPED: a full disk is tested only where a tmpfs can be mounted (as root)')

describe.skipIf(folder === undefined)('a store on a full disk', () => {
  const home = folder ?? ''
  const never = new AbortController().signal
  afterAll(() => {
    execFileSync('umount', [home])
    rmSync(home, { recursive: true })
  })

  it('takes no more, serves what it has, and goes on when there is space', async () => {
    const store = await openStore({ home, log: silentLog, meter: createMeter() })
    const small = nameBytes(sampleBytes(1000, 1))
    const sample = sampleBlob(48 * MIB, 2)
    await store.blobs.putBlob(small)
    const ingest = await store.blobs.ingest({ key: 'key', size: sample.size, expect: { sha256: sample.sha256 } })
    const write = async (): Promise<void> => {
      for (const { start, end } of ingest.missing())
        for (let at = start; at < end; at += MIB)
          await ingest.write(at, sample.bytes.subarray(at, Math.min(end, at + MIB)))
    }
    await expect(write()).rejects.toMatchObject({ code: 'no-space', hint: expect.any(String) })
    await expect(store.blobs.putBlob(nameBytes(sampleBytes(MIB, 3)))).rejects.toMatchObject({ code: 'no-space' })

    const handle = await store.blobs.open(small.sha256)
    expect(await handle?.readInto(0, new Uint8Array(2000))).toBe(1000)
    await handle?.close()
    await store.catalogs.hold({ type: 'model', id: 'the/index' }, ['is', 'still', 'written'])

    execFileSync('mount', ['-o', 'remount,size=256m', home])
    await write()
    expect((await ingest.finish(never)).sha256).toBe(sample.sha256)
    await ingest.close()
    await store.close()
  })
})
