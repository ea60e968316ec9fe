import { MeshError } from '@hubmesh/content/errors'

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
}
const DURATION_UNITS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 }

/** Bytes of `500GB`, `1.5TiB` or a plain number. @throws MeshError `usage` */
export const parseSize = (text: string): number => {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim()) ?? []
  const bytes = Math.floor(Number(number) * (SIZE_UNITS[unit.toUpperCase()] ?? Number.NaN))
  if (number === '' || !Number.isSafeInteger(bytes))
    throw new MeshError('usage', `'${text.slice(0, 40)}' is not a size`, { hint: 'for example 500GB or 1.5TiB' })
  return bytes
}

/** Lowest rate: an asker gives up a path that brings less than half of it. */
const MIN_RATE = 32 * 2 ** 10

/** Bytes a second of `20MB/s` or `100Mbit/s`; undefined for `unlimited`. @throws MeshError `usage` */
export const parseRate = (text: string): number | undefined => {
  if (text.trim() === 'unlimited') return undefined
  const [, number = '', prefix = '', unit = ''] =
    /^(\d+(?:\.\d+)?)\s*([kmgt]i?)?(b|bit)(?:\/s|ps)$/i.exec(text.trim()) ?? []
  const rate = (Number(number) * (SIZE_UNITS[`${prefix.toUpperCase()}B`] ?? Number.NaN)) / (unit.length > 1 ? 8 : 1)
  if (number === '' || !Number.isFinite(rate))
    throw new MeshError('usage', `'${text.slice(0, 40)}' is not a rate`, {
      hint: 'for example 20MB/s, 100Mbit/s or unlimited',
    })
  if (rate < MIN_RATE)
    throw new MeshError('usage', `${text.trim()} is too low a rate`, { hint: 'at least 33KB/s, or others give up' })
  return rate
}

/** Seconds of `30s`, `5m`, `2h`, `1d` or a plain number; at least one second. @throws MeshError `usage` */
export const parseDuration = (text: string): number => {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(text.trim()) ?? []
  const seconds = Number(number) * (DURATION_UNITS[unit] ?? Number.NaN)
  if (number === '' || !Number.isFinite(seconds) || seconds < 1)
    throw new MeshError('usage', `'${text.slice(0, 40)}' is not a duration`, { hint: 'for example 30s, 5m or 2h' })
  return seconds
}

/** Host and port of `127.0.0.1:8642` or `[::1]:0`. @throws MeshError `usage` */
export const parseHostPort = (text: string): { host: string; port: number } => {
  const [, bracketed, plain, digits = ''] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host === undefined || port > 65_535)
    throw new MeshError('usage', `'${text.slice(0, 80)}' is not HOST:PORT`, { hint: 'for example 127.0.0.1:8642' })
  return { host, port }
}
