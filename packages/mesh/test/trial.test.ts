import { describe, expect, it } from 'vitest'
import { createTrial } from '../src/schedule/index.ts'

const RULES = { settleMs: 2_000, measureMs: 3_000, gain: 1.15, retryMs: 60_000 }

/** Looks every 200 ms while so many bytes a second come; tells what was to be done first, and how far it went. */
const createClock = () => {
  const trial = createTrial(RULES)
  let now = 0
  let heardBytes = 0
  const run = (seconds: number, rate: number, isShort = true): 'open' | 'close' | undefined => {
    for (const end = now + seconds * 1000; now < end;) {
      now += 200
      heardBytes += rate / 5
      const verdict = trial.look({ now, isShort, heardBytes })
      if (verdict !== undefined) return verdict
    }
    return undefined
  }
  return {
    run,
    opened: (count: number) => trial.opened(count, now),
    closed: (why: 'idle' | 'lost') => trial.closed(why, now),
  }
}

const RATE = 100_000

describe('further connections', () => {
  it('are tried after some seconds in which one gave less than was wanted, and not before', () => {
    const { run } = createClock()
    expect(run(4, RATE)).toBeUndefined()
    expect(run(2, RATE)).toBe('open')
    expect(run(60, RATE)).toBeUndefined() // they are being opened
  })

  it('are not tried where nothing more is wanted, or nothing comes at all', () => {
    expect(createClock().run(60, RATE, false)).toBeUndefined()
    expect(createClock().run(60, 0)).toBeUndefined()
    const { run } = createClock()
    for (let time = 0; time < 10; time += 1) {
      expect(run(4, RATE)).toBeUndefined()
      expect(run(2, RATE, false)).toBeUndefined()
    }
  })

  it('are kept when they give more', () => {
    const { run, opened } = createClock()
    run(6, RATE)
    opened(3)
    expect(run(6, RATE * 1.3)).toBeUndefined()
    expect(run(60, RATE / 2)).toBeUndefined() // what becomes of the line later is not their fault
  })

  it('are closed when they do not, and not tried again for a while', () => {
    const { run, opened } = createClock()
    run(6, RATE)
    opened(3)
    expect(run(6, RATE * 1.1)).toBe('close')
    expect(run(59, RATE)).toBeUndefined()
    expect(run(10, RATE)).toBe('open')
  })

  it('rest as well when there are none to be had, or they are lost; closed because nothing was asked for, they do not', () => {
    const { run, opened, closed } = createClock()
    run(6, RATE)
    opened(0)
    expect(run(59, RATE)).toBeUndefined()
    expect(run(10, RATE)).toBe('open')
    opened(1)
    closed('lost')
    expect(run(59, RATE)).toBeUndefined()
    expect(run(10, RATE)).toBe('open')
    opened(3)
    closed('idle')
    expect(run(6, RATE)).toBe('open')
  })
})
