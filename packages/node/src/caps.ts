import type { Caps } from '@hubmesh/content'
import type { ConfigValues } from './config-schema.ts'
import { parseRate } from './units.ts'

type Limits = ConfigValues['limits']
type Window = Limits['schedule'][number]
type Rates = Pick<Window, 'upload' | 'download' | 'upstream' | 'relayed'>

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/** The rates that hold at a time of this machine's clock: the first window of the schedule that it lies in, over the rest. */
export const capsOf = ({ schedule, ...rates }: Limits): ((now: Date) => Caps) => {
  const always = over({ upload: {}, download: {} }, rates)
  const windows = schedule.map((window) => ({ window, caps: over(always, window) }))
  return (now) => windows.find(({ window }) => isIn(window, now))?.caps ?? always
}

/** What is named holds, also where it is named as unlimited. */
const over = ({ upload, download, ...own }: Caps, rates: Rates): Caps => ({
  upload: { ...upload, ...toBytes(rates.upload) },
  download: { ...download, ...toBytes(rates.download) },
  ...own,
  ...toBytes({ upstream: rates.upstream, relayed: rates.relayed }),
})

const toBytes = <Name extends string>(
  rates: Partial<Record<Name, string | undefined>> = {},
): Partial<Record<Name, number | undefined>> =>
  Object.fromEntries(
    Object.entries(rates).flatMap(([name, text]) => (typeof text === 'string' ? [[name, parseRate(text)]] : [])),
  ) as Partial<Record<Name, number | undefined>>

/** A window that ends before it begins goes on past midnight, and belongs to the day on which it began. */
const isIn = ({ from, to, days }: Window, now: Date): boolean => {
  const minute = now.getHours() * 60 + now.getMinutes()
  const [start, end] = [minutesOf(from), minutesOf(to)]
  const isOn = (day: number): boolean => days === undefined || days.includes(DAYS[(day + 7) % 7] ?? 'sun')
  const today = now.getDay()
  if (start < end) return minute >= start && minute < end && isOn(today)
  return (minute >= start && isOn(today)) || (minute < end && isOn(today - 1))
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
