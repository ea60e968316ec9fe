import { MIB, type ReadOptions } from '@hubmesh/content'
import { sampleBytes } from '@hubmesh/testing'
import { expect, it, onTestFinished } from 'vitest'
import { fileOf, never, seedAndOffice, until } from './office.ts'

const SIZE = 8 * MIB

/** A cold file, its chunks held back from the `held`th on, and readers of all of it at a speed of their own. */
const coldFile = async (held: number) => {
  const { snapshot, link } = await seedAndOffice({ 'a.bin': sampleBytes(SIZE, 40) })
  link.hold = ({ index }) => (index >= held ? new Promise(() => {}) : Promise.resolve())
  const file = await fileOf(snapshot, 'a.bin')
  const body = await snapshot.open(file, { signal: never })
  onTestFinished(() => body.close())
  const read = (rate?: ReadOptions['rate']) => {
    const leaving = new AbortController()
    const iterator = body.read({ start: 0, end: SIZE }, { rate, signal: leaving.signal })[Symbol.asyncIterator]()
    onTestFinished(() => leaving.abort(new Error('the test is over')))
    return { next: () => iterator.next(), leave: () => leaving.abort(new Error('the client left')) }
  }
  /** What is told of a chunk now; undefined when nothing is. */
  const due = (index: number): number | undefined =>
    link.fetches.find((fetch) => fetch.set === file.list && fetch.index === index)?.dueMs?.()
  return { read, due, waiting: () => link.waiting() }
}

it('a chunk is due when its reader will be there, at the speed that it has by then', async () => {
  const { read, due, waiting } = await coldFile(1)
  let rate: number | undefined = MIB
  const reader = read(() => rate)
  const { value } = await reader.next()
  const second = reader.next()
  second.catch(() => {}) // it never comes
  await until(() => waiting() >= 2)
  expect(value.length).toBeGreaterThan(0)
  expect(due(1)).toBe(0) // it waits for that
  const distance = due(2)! / 1000
  expect(distance).toBeGreaterThan(0)
  expect(distance).toBeLessThanOrEqual(1)
  rate = 2 * MIB
  expect(due(2)).toBeCloseTo((distance / 2) * 1000)
  for (rate of [0, undefined]) expect(due(2)).toBe(Infinity) // it stands still, or is not known yet
})

it('a chunk is due with the first of several readers, and for nobody once they have left', async () => {
  const { read, due, waiting } = await coldFile(0)
  const [slow, fast, unknown] = [read(() => MIB), read(() => 4 * MIB), read()]
  for (const { next } of [slow, fast, unknown]) next().catch(() => {})
  await until(() => waiting() >= 2 && due(1) !== undefined && due(1)! < Infinity)
  await until(() => due(1)! <= 250)
  const soonest = due(1)!
  fast.leave()
  await until(() => due(1)! > soonest)
  expect(due(1)).toBeCloseTo(4 * soonest)
})
