import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  type HeldHead,
  MESH_AUDIENCE,
  MIB,
  encodeBlock,
  encodeValue,
  headValue,
  nameBytes,
  silentLog,
} from '@hubmesh/content'
import { createMeter } from '@hubmesh/content'
import { sampleBlob, sampleBytes } from '@hubmesh/testing'
import { openIndex } from '../src/index-db.ts'
import { openStore } from '../src/index.ts'
import { textKey } from '../src/table.ts'
import { useHomes } from './homes.ts'

describe('a home that is opened again', () => {
  const newHome = useHomes()
  const repo = { type: 'model', id: 'owner/name' } as const
  const { cid } = encodeBlock({ v: 1 })

  it('has its blobs, blocks and partials', async () => {
    const home = await newHome()
    const [blob, block, sample] = [nameBytes(sampleBytes(500, 1)), encodeBlock({ v: 1 }), sampleBlob(3 * MIB, 2)]
    let store = await home.open()
    await store.blobs.putBlob(blob)
    await store.blocks.put([block, ...sample.blocks])
    const partial = await store.blobs.openPartial(sample.plan)
    for (const chunk of sample.chunks.slice(0, 1)) await partial.putChunk(0, chunk)
    await partial.close()
    store = await home.open()
    expect(await store.blobs.has(blob.sha256)).toBe(true)
    expect(store.blobs.usage()).toEqual({ bytes: 500, blobs: 1, quota: null })
    expect(await store.blocks.get(block.cid)).toEqual(block)
    expect((await store.shelf.have(sample.list))?.count).toBe(1)
    const read = await store.shelf.read(sample.list, 0, new Uint8Array(MIB))
    expect(read && nameBytes(read).sha256).toBe(sample.chunks[0]?.sha256)
  })

  it('believes what it believed', async () => {
    const home = await newHome()
    const at = { revision: '1'.repeat(40), manifest: cid, since: '2026-11-01T00:00:00.000Z' }
    const signature = { keyid: 'key', sig: new Uint8Array(64).fill(7) }
    const refusals = Array.from({ length: 105 }, (_, number) => refusal(number))
    let { catalogs } = await home.open()
    await catalogs.commitHead(heldHead(7))
    for (const one of refusals) await catalogs.recordRefusal(one)
    await catalogs.addSignatures(cid, [signature])
    await catalogs.setView(repo, 'main', at)
    await catalogs.hold(repo, ['a b'])
    catalogs = (await home.open()).catalogs
    expect(catalogs.heads()).toEqual([heldHead(7)])
    expect(catalogs.refusals()).toEqual(refusals.slice(5).toReversed())
    expect(await catalogs.signatures(cid)).toEqual([signature])
    expect(await catalogs.view(repo)).toEqual({ main: at })
    expect(await catalogs.held(repo)).toEqual({ all: false, paths: new Set(['a b']) })
    await expect(catalogs.commitHead(heldHead(6))).rejects.toMatchObject({ code: 'bad-input' })
  })

  it('is opened by one process at a time', async () => {
    const home = await newHome()
    await home.open()
    const second = openStore({ home: home.home, log: silentLog, meter: createMeter() })
    await expect(second).rejects.toMatchObject({ code: 'busy', hint: expect.any(String) })
  })

  it('is refused when a newer hubmesh wrote it', async () => {
    const home = await newHome()
    await home.open()
    await home.close()
    const index = await openIndex(join(home.home, 'index'))
    await index.commit([index.tables.meta.put(textKey('format'), Uint8Array.of(99))])
    await index.close()
    await expect(home.open()).rejects.toMatchObject({ code: 'config' })
  })

  it('is for its owner alone', async () => {
    const home = await newHome()
    const { home: inner } = { home: join(home.home, 'inner') }
    const store = await openStore({ home: inner, log: silentLog, meter: createMeter() })
    await store.close()
    expect((await stat(inner)).mode & 0o777).toBe(0o700)
  })

  it('takes one ingest of a key at a time', async () => {
    const home = await newHome()
    const { blobs } = await home.open()
    const plan = { key: 'key', size: 2 * MIB, expect: { sha256: nameBytes(sampleBytes(1, 1)).sha256 } }
    const first = await blobs.ingest(plan)
    await expect(blobs.ingest(plan)).rejects.toMatchObject({ code: 'busy' })
    await first.close()
    const second = await blobs.ingest(plan)
    await second.close()
  })
})

const heldHead = (sequence: number): HeldHead => {
  const dates = { issued: '2026-11-01T00:00:00.000Z', expires: '2026-11-08T00:00:00.000Z' }
  const root = encodeBlock({ v: 1, sequence }).cid
  const head = { v: 1 as const, publisher: 'publisher', audience: MESH_AUDIENCE, sequence, ...dates, root }
  return { head, envelope: new Uint8Array(encodeValue(headValue(head))), acceptedAt: dates.issued }
}

const refusal = (number: number) => ({
  kind: 'signature' as const,
  publisher: 'publisher',
  subject: `catalog ${number}`,
  reason: 'a wrong signature',
  from: 'peer',
  at: '2026-11-01T00:00:00.000Z',
})
