import type { ByteRange } from '@hubmesh/content'

/** RFC 9110 section 14: a part to send, nothing that could be sent, or no range to speak of (then all is sent). */
export type RangeAnswer = ByteRange | 'unsatisfiable' | undefined

/**
 * One range of `a-b`, `a-` or `-n`. Lists of ranges, other units and nonsense are ignored, as RFC 9110 section 14.2
 * allows: the whole is sent then.
 */
export const parseRange = (header: string | undefined, size: number): RangeAnswer => {
  const [, first, last] = /^bytes[ \t]*=[ \t]*(\d{0,20})[ \t]*-[ \t]*(\d{0,20})[ \t]*$/i.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined
  if (first === '') return suffix(Number(last), size)
  const start = Number(first)
  if (last !== '' && Number(last) < start) return undefined
  if (start >= size) return 'unsatisfiable'
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) }
}

const suffix = (length: number, size: number): RangeAnswer =>
  length === 0 || size === 0 ? 'unsatisfiable' : { start: Math.max(0, size - length), end: size }
