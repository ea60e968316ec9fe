import { type PeerStatus, type RepoStatus, MIB } from '@hubmesh/content'
import { type Exposition, parseExposition } from '@hubmesh/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { ask, exchange, get } from './support/http.ts'
import { never } from './support/library.ts'
import { patternContent } from './support/repos.ts'

let running: RunningGateway

beforeEach(async () => {
  running = await startGateway()
})
afterEach(() => running.gateway.stop())

const scrape = async (): Promise<Exposition> => {
  const { status, headers, body } = await ask(running.url, '/-/metrics')
  expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  return parseExposition(body.toString())
}

const repoOf = (id: string, more: Partial<RepoStatus> = {}): RepoStatus => ({
  type: 'model',
  id,
  ref: 'main',
  revision: 'a'.repeat(40),
  files: 2,
  bytes: 100,
  bytesHeld: 0,
  complete: false,
  publisher: 'p',
  age: 60,
  stale: false,
  ...more,
})

const peerOf = (peerId: string, more: Partial<PeerStatus> = {}): PeerStatus => ({
  peerId,
  site: 'there',
  connected: true,
  rttMs: 20,
  goodput: 1e6,
  bytesIn: 3,
  bytesOut: 5,
  lastSeen: '2026-01-05T08:00:00.000Z',
  addresses: [`/ip4/10.9.8.7/tcp/1/p2p/${peerId}`],
  ...more,
})

const eventually = async (holds: (now: Exposition) => boolean): Promise<Exposition> => {
  for (;;) {
    const now = await scrape()
    if (holds(now)) return now
  }
}

describe('metrics', () => {
  it('say what the status says, in base units', async () => {
    const { status } = running
    status.peers.push(
      peerOf('near', { site: 'here' }),
      peerOf('far', { rttMs: null, connected: false, banned: { until: '', reason: 'lies' } }),
    )
    status.repos.push(
      repoOf('a/whole', { bytesHeld: 100, complete: true }),
      repoOf('a/old', { bytesHeld: 40, stale: true, offered: 'b'.repeat(40) }),
    )
    const transfer = { repo: 'model:a/old', path: 'w.bin', rate: 7, etaSeconds: 1, sources: ['far'] }
    status.transfers.push({ ...transfer, bytes: 50, done: 20 }, { ...transfer, bytes: 5, done: 5 })
    Object.assign(status.counters, { wanBytes: 120, broughtBytes: 100, rejectedChunks: 2 })
    Object.assign(status, { wanCopies: 1.2, store: { bytes: 140, quota: 1000, blobs: 3 } })
    const { value } = await scrape()
    expect(value('hubmesh_build_info', { version: '0.1.0', role: 'peer', site: 'here', peer: '12D3KooWTest' })).toBe(1)
    expect(value('hubmesh_ready')).toBe(1)
    expect(value('hubmesh_site_nodes', { site: 'here' })).toBe(2)
    expect(value('hubmesh_wan_bytes_total', { site: 'here' })).toBe(120)
    expect(value('hubmesh_brought_bytes_total', { site: 'here' })).toBe(100)
    expect(value('hubmesh_wan_copies', { site: 'here' })).toBe(1.2)
    expect(value('hubmesh_rejected_chunks_total')).toBe(2)
    expect([value('hubmesh_peers'), value('hubmesh_peers_connected'), value('hubmesh_peers_banned')]).toEqual([2, 1, 1])
    expect(value('hubmesh_peer_rtt_seconds', { peer: 'near', peer_site: 'here' })).toBe(0.02)
    expect(() => value('hubmesh_peer_rtt_seconds', { peer: 'far' })).toThrow('there is no')
    expect(value('hubmesh_peer_out_bytes_total')).toBe(10)
    expect([value('hubmesh_repos'), value('hubmesh_repos_complete'), value('hubmesh_repos_stale')]).toEqual([2, 1, 1])
    const old = { type: 'model', repo: 'a/old', ref: 'main' }
    expect(value('hubmesh_repo_held_bytes', old)).toBe(40)
    expect(['stale', 'behind', 'complete'].map((name) => value(`hubmesh_repo_${name}`, old))).toEqual([1, 1, 0])
    expect(value('hubmesh_repo_age_seconds', old)).toBe(60)
    expect([value('hubmesh_transfers'), value('hubmesh_transfer_left_bytes')]).toEqual([2, 30])
    expect([value('hubmesh_store_bytes'), value('hubmesh_store_quota_bytes')]).toEqual([140, 1000])
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(MIB)
    expect(value('process_cpu_seconds_total')).toBeGreaterThan(0)
    expect((await eventually((now) => now.value('hubmesh_event_loop_lag_seconds_count') > 0)).samples).not.toEqual([])
  })

  it('carry any name that others chose, and nothing that steers a terminal', async () => {
    const hostile = 'a"} 1\\\nhubmesh_ready 0 # \u001b[2J\u0085é,b="'
    running.status.repos.push(repoOf('a/b', { ref: hostile, bytesHeld: 9 }))
    running.status.peers.push(peerOf('p', { site: hostile }))
    Object.assign(running.status, { site: hostile })
    const { value, samples } = await scrape()
    const shown = hostile.replace('\u001b', '?').replace('\u0085', '?')
    expect(value('hubmesh_repo_held_bytes', { ref: shown })).toBe(9)
    expect(value('hubmesh_peer_in_bytes_total', { peer_site: shown })).toBe(3)
    expect(value('hubmesh_wan_bytes_total', { site: shown })).toBe(0)
    expect(samples.filter(({ name }) => name === 'hubmesh_ready')).toEqual([
      { name: 'hubmesh_ready', labels: {}, value: 1 },
    ])
  })

  it('tell no address, no path, no reason', async () => {
    running.status.peers.push(peerOf('p', { banned: { until: '', reason: 'secret reason' } }))
    running.status.addresses.push('/ip4/10.9.8.7/tcp/8643')
    Object.assign(running.status, { ready: { ready: false, reasons: ['secret reason at /home/secret'] } })
    const text = (await ask(running.url, '/-/metrics')).body.toString()
    expect(parseExposition(text).value('hubmesh_ready')).toBe(0)
    expect(text).not.toMatch(/secret|10\.9\.8\.7/)
  })

  it('are bounded: more peers are summed up, and more repos counted, those first that are here', async () => {
    running.status.peers.push(...Array.from({ length: 500 }, (_, at) => peerOf(`peer ${at}`)))
    running.status.repos.push(
      ...Array.from({ length: 3_000 }, (_, at) => repoOf(`a/${at}`, { bytesHeld: at === 2_999 ? 7 : 0 })),
    )
    const { value, samples } = await scrape()
    expect(samples.length).toBeLessThan(6 * 1_000 + 5 * 257 + 150)
    expect(value('hubmesh_peer_in_bytes_total')).toBe(500 * 3)
    expect(value('hubmesh_peer_in_bytes_total', { peer: 'other', peer_site: '' })).toBe((500 - 256) * 3)
    expect(value('hubmesh_repos')).toBe(3_000)
    expect(value('hubmesh_repo_held_bytes', { repo: 'a/2999' })).toBe(7)
  })
})

describe('requests', () => {
  it('are counted by kind of route and status, with what they took', async () => {
    running.library.add({ type: 'model', id: 'a/b' }, { commits: [{ files: { 'c.json': '{}' } }] })
    for (const path of ['c.json', 'c.json', 'no']) await ask(running.url, `/a/b/resolve/main/${path}`)
    await ask(running.url, '/api/models/a/b')
    await ask(running.url, '/-/readyz', { method: 'DELETE' })
    const { value } = await scrape()
    const requests = (labels: Record<string, string>): number => value('hubmesh_gateway_requests_total', labels)
    expect(requests({ class: 'file', code: '200' })).toBe(2)
    expect(requests({ class: 'file', code: '404' })).toBe(1)
    expect(requests({ class: 'api', code: '200' })).toBe(1)
    expect(requests({ class: 'own', code: '405' })).toBe(1)
    expect(value('hubmesh_gateway_request_duration_seconds_count', { class: 'file' })).toBe(3)
    expect(value('hubmesh_gateway_request_duration_seconds_sum', { class: 'file' })).toBeGreaterThan(0)
    expect(value('hubmesh_gateway_cut_answers_total', { class: 'file' })).toBe(0)
    expect(value('hubmesh_gateway_open_requests')).toBe(1) // this one
  })

  it('that end early are counted too', async () => {
    const content = patternContent(MIB)
    running.library.add({ type: 'model', id: 'a/b' }, { commits: [{ files: { 'w.bin': content } }] })
    running.library.chill('w.bin', {
      chunkBytes: 1024,
      before: (chunk, signal) => (chunk < 2 ? Promise.resolve() : never(signal)),
    })
    const reader = exchange(running.port, get('/a/b/resolve/main/w.bin'))
    await reader.until(1024)
    expect((await scrape()).value('hubmesh_gateway_open_requests')).toBe(2)
    reader.socket.destroy()
    const cut = { class: 'file' }
    const has = ({ samples }: Exposition): boolean =>
      samples.some(({ name, value }) => name === 'hubmesh_gateway_cut_answers_total' && value > 0)
    const { value } = await eventually(has)
    expect(value('hubmesh_gateway_cut_answers_total', cut)).toBe(1)
    expect(value('hubmesh_gateway_requests_total', { class: 'file', code: '200' })).toBe(1)
  })
})
