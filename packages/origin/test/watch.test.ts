import { parseRepoSpec } from '@hubmesh/content'
import { type SampleHub, createSampleHub } from '@hubmesh/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Room, type RoomOptions, createRoom, expectExact, refOf } from './room.ts'

let hub: SampleHub
let stack: AsyncDisposableStack

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  hub = stack.use(await createSampleHub())
})
afterEach(() => stack.disposeAsync())

const watch = async (specs: string[], options: RoomOptions = {}): Promise<Room> => {
  const room = stack.use(await createRoom(hub.url, options))
  for (const spec of specs) room.origin.mirror(parseRepoSpec(spec))
  await room.origin.start()
  return room
}

test('pulls at once, then follows the branch by itself, asking little where nothing is new', async () => {
  await hub.addRepo('o/n', { files: { 'a.txt': 'one', 'b.bin': { seed: 1, size: 100_000 } } })
  const room = await watch(['o/n', 'o/n'], { pollSeconds: 0.05 })
  await expect
    .poll(() => room.origin.state())
    .toEqual([
      {
        repo: 'model:o/n',
        ref: 'main',
        state: 'idle',
        revision: hub.sha('o/n'),
        files: 2,
        filesDone: 2,
        bytes: 100_003,
        bytesDone: 100_003,
        lastCheck: expect.any(String),
      },
    ])
  hub.resetCounters()
  await expect.poll(() => hub.requests.length).toBeGreaterThan(3)
  expect(new Set(hub.requests.map(({ url }) => url))).toEqual(new Set(['/api/models/o/n/revision/HEAD?expand=sha']))
  const second = await hub.commit('o/n', { 'a.txt': 'two' })
  await expect.poll(async () => (await room.offer('o/n'))?.refs['main']?.revision).toBe(second)
  await expectExact(room, hub, { name: 'o/n' })
  expect(room.upstreamBytes()).toBe(100_006)
})

test('looks at once when it is nudged, also when it is looking already', async () => {
  await hub.addRepo('o/n', { files: { 'a.txt': 'one' } })
  const room = await watch(['o/n'])
  await expect.poll(() => room.origin.state()[0]?.state).toBe('idle')
  const second = await hub.commit('o/n', { 'a.txt': 'two' })
  hub.faults.add({ kind: 'delay', ms: 200, on: 'cache', times: 1 })
  room.origin.nudge(refOf('o/n'))
  await expect.poll(() => hub.requests.some(({ url }) => url.includes(second))).toBe(true)
  const third = await hub.commit('o/n', { 'a.txt': 'three' })
  room.origin.nudge(refOf('o/n'))
  await expect.poll(async () => (await room.offer('o/n'))?.refs['main']?.revision).toBe(third)
})

test('keeps failures with their reason, tries again, and comes back', async () => {
  await hub.addRepo('o/n', { files: { 'a.txt': 'one' } })
  await hub.stop()
  const room = await watch(['o/n', 'o/missing'], { pollSeconds: 0.05 })
  await expect
    .poll(() => room.origin.state())
    .toMatchObject([
      { state: 'failed', revision: null, error: expect.stringContaining('cannot be reached') },
      { state: 'failed' },
    ])
  // Nobody can say that it is not there: offices wait for it.
  await expect.poll(() => room.offer('o/n')).toMatchObject({ refs: {}, job: { state: 'failed' } })
  const announced = room.announced.length
  await hub.start()
  await expect.poll(() => room.origin.state()[0], { timeout: 5000 }).toMatchObject({ state: 'idle' })
  expect(room.origin.state()[0]).not.toHaveProperty('error')
  expect((await room.offer('o/n'))?.job).toBeUndefined()
  // Now upstream says it: what is not there is not listed.
  await expect.poll(() => room.offer('o/missing'), { timeout: 5000 }).toBeUndefined()
  expect(room.origin.state()[1]).toMatchObject({ state: 'failed', error: expect.stringContaining('token') })
  expect(room.announced.length).toBeGreaterThan(announced)
})

test('a repo that vanishes upstream fails, and stays offered', async () => {
  await hub.addRepo('o/n', { files: { 'a.txt': 'one' } })
  const room = await watch(['o/n'], { pollSeconds: 0.05 })
  await expect.poll(() => room.origin.state()[0]?.state).toBe('idle')
  hub.removeRepo('o/n')
  await expect.poll(() => room.offer('o/n')).toMatchObject({ refs: { main: {} }, job: { state: 'failed' } })
  const announced = room.announced.length
  hub.resetCounters()
  await expect.poll(() => hub.requests.length).toBeGreaterThan(2)
  expect(room.announced).toHaveLength(announced) // failing again is no news
})

test('follows what is added later, and every tag of a pattern', async () => {
  await hub.addRepo('o/n', { files: { 'a.txt': 'one' } })
  const room = await watch([], { pollSeconds: 0.05 })
  expect(room.origin.state()).toEqual([])
  room.origin.mirror(parseRepoSpec('o/n@v*'))
  expect(room.origin.state()).toMatchObject([{ repo: 'model:o/n', ref: 'v*', revision: null }])
  await expect.poll(() => room.origin.state()[0]?.state).toBe('idle')
  expect(await room.offer('o/n')).toBeUndefined()
  hub.tag('o/n', 'v1')
  await expect.poll(() => room.offer('o/n')).toMatchObject({ refs: { 'refs/tags/v1': { revision: hub.sha('o/n') } } })
})

test('ends at once when it is stopped, in the middle of a pull', async () => {
  await hub.addRepo('o/n', { files: { 'a.bin': { seed: 1, size: 100_000 } } })
  hub.faults.add({ kind: 'delay', ms: 60_000, on: 'cdn' }) // longer than a test may take
  const room = await watch(['o/n'])
  await expect.poll(() => room.origin.state()[0]?.state).toBe('pulling')
  await expect.poll(() => hub.requests.some(({ route }) => route === 'cdn')).toBe(true)
  await room.origin.stop()
  expect(await room.offer('o/n')).toMatchObject({ job: { state: 'pulling' } })
})
