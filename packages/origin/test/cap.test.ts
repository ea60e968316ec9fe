import { createSampleHub } from '@hubmesh/testing'
import { expect, test } from 'vitest'
import { createRoom, expectExact } from './room.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SIZE = 3 * MIB + 5
const RATE = 2 * MIB
const CONNECTIONS = 2
/** What a connection has read and waits with: undici's buffer of 64 KiB, not quite full, and one read of a socket on top of it. */
const PIECE = 192 * KIB
const AT_ONCE = 0.1 * RATE + CONNECTIONS * PIECE

test('files come from upstream no faster than the cap, over all connections', async () => {
  await using stack = new AsyncDisposableStack()
  const hub = stack.use(await createSampleHub())
  await hub.addRepo('o/n', { files: { 'big.bin': { seed: 1, size: SIZE }, 'small.txt': 'small' } })
  const room = stack.use(
    await createRoom(hub.url, { cap: () => RATE, connections: CONNECTIONS, segmentBytes: 256 * KIB }),
  )
  const start = performance.now()
  const excess = (): number => room.upstreamBytes() - (RATE * (performance.now() - start)) / 1000
  let worst = -Infinity
  const timer = setInterval(() => (worst = Math.max(worst, excess())), 10)
  stack.defer(() => clearInterval(timer))
  await room.sync('o/n')
  expect(Math.max(worst, excess())).toBeLessThanOrEqual(AT_ONCE)
  await expectExact(room, hub, { name: 'o/n' })
})

test('a cap that ends lets the rest come at once', async () => {
  await using stack = new AsyncDisposableStack()
  const hub = stack.use(await createSampleHub())
  await hub.addRepo('o/n', { files: { 'big.bin': { seed: 1, size: SIZE } } })
  let cap: number | undefined = 64 * KIB
  const room = stack.use(await createRoom(hub.url, { cap: () => cap }))
  const sync = room.sync('o/n')
  while (room.upstreamBytes() === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  cap = undefined
  await sync // at the cap it would take 48 s, longer than the test may
  await expectExact(room, hub, { name: 'o/n' })
}, 40_000)
