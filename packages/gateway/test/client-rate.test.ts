import { expect, it } from 'vitest'
import { KIB, MIB } from '@hubmesh/content'
import { createClientRate } from '../src/body/client-rate.ts'

const lab = () => {
  let now = 0
  const rate = createClientRate(() => now)
  return {
    rate,
    pass: (ms: number) => void (now += ms),
    /** The kernel takes so many bytes within so many ms. */
    write: (bytes: number, ms: number) => {
      const end = rate.begin(bytes)
      now += ms
      end()
    },
  }
}

it('a client that takes all as fast as it comes shows no speed', () => {
  const { rate, write, pass } = lab()
  for (let chunk = 0; chunk < 100; chunk += 1) {
    write(256 * KIB, 2)
    pass(50)
  }
  expect(rate.perSecond()).toBeUndefined()
})

it('what the kernel takes at once does not count, and then the client is known by what it takes', () => {
  const { rate, write } = lab()
  for (let chunk = 0; chunk < 16; chunk += 1) write(256 * KIB, 0.5)
  for (let chunk = 0; chunk < 20; chunk += 1) write(256 * KIB, 250)
  expect(rate.perSecond()).toBeCloseTo(MIB)
})

it('what the client has to wait for does not slow it down', () => {
  const { rate, write, pass } = lab()
  for (let chunk = 0; chunk < 20; chunk += 1) write(256 * KIB, 250)
  for (let chunk = 0; chunk < 20; chunk += 1) {
    pass(2000)
    write(256 * KIB, 30) // it ran dry
  }
  expect(rate.perSecond()).toBeCloseTo(MIB)
})

it('one that stands still slows down at once, and is as before when it goes on', () => {
  const { rate, write, pass } = lab()
  for (let chunk = 0; chunk < 20; chunk += 1) write(256 * KIB, 250)
  const end = rate.begin(256 * KIB)
  const slower = [1, 10, 100].map((seconds) => {
    pass(seconds * 1000)
    return rate.perSecond() ?? 0
  })
  expect(slower[0]).toBeLessThan(MIB / 2)
  expect(slower[2]).toBeLessThan(16 * KIB)
  end()
  for (let chunk = 0; chunk < 80; chunk += 1) write(256 * KIB, 250)
  expect(rate.perSecond()! / MIB).toBeCloseTo(1, 1)
})
