import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { capsOf } from '../src/caps.ts'
import { loadConfig } from '../src/config.ts'
import { useTempHome } from './temp-home.ts'

const home = useTempHome()
const capsFrom = async (text: string) => {
  await writeFile(join(home.path, 'hubmesh.yaml'), text)
  return capsOf((await loadConfig(home.path)).limits)
}
/** Local time; 2026-11-23 is a Monday. */
const at = (day: number, time: string): Date => new Date(`2026-11-${day}T${time}:00`)

const OFFICE_HOURS = `
limits:
  upload: { total: 20MB/s, prefetch: 80Mbit/s }
  schedule:
    - { from: '08:00', to: '18:00', days: [mon, tue, wed, thu, fri], upload: { otherSites: 1MiB/s, prefetch: 64KiB/s } }
    - { from: '22:00', to: '06:00', days: [fri], upload: { total: unlimited } }
`

describe('rates', () => {
  it('are not capped where the configuration says nothing', async () => {
    expect((await capsFrom(''))(new Date())).toEqual({ upload: {}, download: {} })
  })

  it('hold by the time of day and the day of the week', async () => {
    const caps = await capsFrom(OFFICE_HOURS)
    const usual = { total: 20e6, prefetch: 10e6 }
    const working = { total: 20e6, prefetch: 64 * 1024, otherSites: 1024 ** 2 }
    const upload = (day: number, time: string) => caps(at(day, time)).upload
    expect(upload(23, '07:59')).toEqual(usual)
    expect(upload(23, '08:00')).toEqual(working)
    expect(upload(27, '17:59')).toEqual(working)
    expect(upload(27, '18:00')).toEqual(usual)
    expect(upload(28, '12:00')).toEqual(usual) // a Saturday
  })

  it('hold past midnight, by the day on which the window began', async () => {
    const caps = await capsFrom(OFFICE_HOURS)
    const total = (day: number, time: string) => caps(at(day, time)).upload.total
    expect([total(27, '21:59'), total(27, '22:00'), total(28, '05:59'), total(28, '06:00')]).toEqual([
      20e6,
      undefined,
      undefined,
      20e6,
    ])
    expect([total(28, '23:00'), total(27, '05:00')]).toEqual([20e6, 20e6])
  })

  it('of downloads, upstream and what is relayed hold by the same clock', async () => {
    const caps = await capsFrom(`
limits:
  download: { total: 50MB/s, prefetch: 10MB/s }
  upstream: 100MB/s
  relayed: 5MB/s
  schedule:
    - { from: '08:00', to: '18:00', download: { prefetch: 1MB/s, otherSites: 4MB/s }, upstream: 8Mbit/s }
    - { from: '18:00', to: '20:00', relayed: unlimited }
`)
    const usual = { upload: {}, download: { total: 50e6, prefetch: 10e6 }, upstream: 100e6, relayed: 5e6 }
    expect(caps(at(23, '07:59'))).toEqual(usual)
    expect(caps(at(23, '08:00'))).toEqual({
      upload: {},
      download: { total: 50e6, prefetch: 1e6, otherSites: 4e6 },
      upstream: 1e6,
      relayed: 5e6,
    })
    expect(caps(at(23, '19:00'))).toEqual({ ...usual, relayed: undefined })
  })

  it.each([
    ['upload: { total: 20MB }', "'20MB' is not a rate"],
    ['upload: { total: 1KB/s }', '1KB/s is too low a rate'],
    ['upload: { everything: 1MB/s }', 'no such setting'],
    ['download: { upstream: 1MB/s }', 'no such setting'],
    ['upstream: { total: 1MB/s }', 'upstream'],
    ['relayed: fast', "'fast' is not a rate"],
    ["schedule: [{ from: '08:00', to: '18:00' }]", 'a window without a rate'],
    ["schedule: [{ from: '8', to: '18:00', upload: {} }]", 'not a time'],
  ])('refuse %s', async (limits, message) => {
    await expect(capsFrom(`limits:\n  ${limits}\n`)).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining(message),
    })
  })
})
