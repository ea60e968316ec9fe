import type { UploadCaps } from '@hubmesh/mesh'
import type { ConfigValues } from './config-schema.ts'
import { parseRate } from './units.ts'

type Limits = ConfigValues['limits']
type Window = Limits['schedule'][number]

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/** The rates that hold at a time of this machine's clock: the first window of the schedule that it lies in, over the rest. */
export const uploadCaps = ({ upload, schedule }: Limits): ((now: Date) => UploadCaps) => {
  const always = toBytes(upload)
  const windows = schedule.map((window) => ({ window, caps: { ...always, ...toBytes(window.upload) } }))
  return (now) => windows.find(({ window }) => isIn(window, now))?.caps ?? always
}

const toBytes = (rates: Limits['upload']): UploadCaps =>
  Object.fromEntries(
    Object.entries(rates).flatMap(([name, text]) => (text === undefined ? [] : [[name, parseRate(text)]])),
  )

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
