/** An office whose only way to the seed is as slow as a bad line: what goes over it goes once, and readers are kept alive. */
import { KIB, sha256Of } from '@hubmesh/content'
import { createSampleHub } from '@hubmesh/testing'
import { expect, it } from 'vitest'
import { createSwarm } from './local-swarm.ts'
import { createSlowLink } from './slow-link.ts'

const REPO = 'far/away'
const RATE = 64_000
const SIZE = 320 * KIB
/** For what is not of the file: handshakes, catalogs, the DHT. */
const BESIDE = 96 * KIB

it('a cold file comes over a slow link once, to a client that comes back when it is told to', async () => {
  await using hub = await createSampleHub()
  await using swarm = await createSwarm()
  await hub.addRepo(REPO, { files: { 'a.bin': { seed: 'slow', size: SIZE } } })
  const seed = await swarm.startSeed({ upstream: hub.url, mirror: [REPO] })
  await seed.waitFor('the mirror', ({ repos }) => repos[0]?.complete === true)
  await using link = await createSlowLink(seed, RATE)
  const office = await swarm.startOffice('far', { ticket: await link.ticket() })
  await office.waitFor('the repo', ({ repos }) => repos.length > 0)
  const before = link.bytes
  const bytes = await download(`${office.gateway}/${REPO}/resolve/main/a.bin`)
  expect(sha256Of(bytes)).toBe(hub.source(REPO).get('a.bin')?.sha256)
  const { counters } = await office.status()
  expect(counters.wanBytes).toBe(SIZE)
  expect(link.bytes - before).toBeLessThan(SIZE + BESIDE)
})

/** As Hub clients take a file: 429 is answered by patience, a short body by a range. */
const download = async (url: string): Promise<Buffer> => {
  const parts: Buffer[] = []
  for (let at = 0; at < SIZE;) {
    const response = await fetch(url, { headers: { range: `bytes=${at}-` } })
    if (response.status === 429) {
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
      continue // at once: the sooner it asks, the more it has to be told
    }
    expect(response.status).toBe(206)
    for await (const part of response.body ?? []) {
      parts.push(Buffer.from(part))
      at += part.length
    }
  }
  return Buffer.concat(parts)
}
