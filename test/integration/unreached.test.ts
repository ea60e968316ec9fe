import { join } from 'node:path'
import { type SampleHub, createSampleHub } from '@hubmesh/testing'
import { decodeTicket, encodeTicket, loadIdentity, peerIdOf } from '@hubmesh/trust'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Swarm, createSwarm } from './local-swarm.ts'

/** An office that can serve nothing says why, wherever its operator looks. */

let hub: SampleHub
let swarm: Swarm

beforeAll(async () => {
  hub = await createSampleHub()
  await hub.addRepo('acme/voice', { files: { 'README.md': '# Voice\n' } })
  swarm = await createSwarm()
})

afterAll(async () => {
  await swarm?.stop()
  await hub?.stop()
})

it('tells in status, at readyz and in the log whose catalog it does not trust, and why nobody is reached', async () => {
  const seed = await swarm.startSeed({ upstream: hub.url, mirror: ['acme/voice'] })
  await seed.waitFor('the first mirror', ({ mirrors }) => mirrors.every(({ state }) => state === 'idle'))
  const ticket = decodeTicket(await seed.ticket())
  const stranger = peerIdOf(await loadIdentity(join(swarm.folder, 'stranger.key')))
  const office = await swarm.startOffice('berlin', { ticket: encodeTicket({ ...ticket, publishers: [stranger] }) })
  await office.waitFor('the refusal', ({ ready }) => /no catalog is trusted.*untrusted/.test(ready.reasons.join()))

  await office.stop()
  await seed.kill()
  await office.restart()
  const isRefused = /^no peer is connected, .*\/tcp\/\d+\/p2p\/\w+: connection refused/
  const { ready } = await office.waitFor('the reason', ({ ready }) => ready.reasons.some((one) => isRefused.test(one)))
  expect(ready.ready).toBe(false)
  const readyz = await fetch(`${office.gateway}/-/readyz`)
  expect([readyz.status, await readyz.json()]).toEqual([503, ready])
  const status = await office.cli('status')
  for (const reason of ready.reasons) expect(status.stdout).toContain(`not ready: ${reason}\n`)
  expect(office.log()).toMatch(/an address to join is not reached/)
})
