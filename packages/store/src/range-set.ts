import type { ByteRange } from '@hubmesh/content'

/** Which bytes of a whole are there. Small while bytes come in a few streams. */
export interface RangeSet {
  add(range: ByteRange): void
  /** End of what is there without a gap from the start. */
  prefix(): number
  /** What of a range is not there. */
  missing(within: ByteRange): ByteRange[]
  /** The ranges, in order, none touching the next. */
  readonly ranges: readonly ByteRange[]
}

export const createRangeSet = (initial: readonly ByteRange[] = []): RangeSet => {
  let ranges: readonly ByteRange[] = []

  const add = ({ start, end }: ByteRange): void => {
    if (end <= start) return
    const touching = ranges.filter((range) => range.start <= end && range.end >= start)
    const merged = {
      start: Math.min(start, ...touching.map((range) => range.start)),
      end: Math.max(end, ...touching.map((range) => range.end)),
    }
    ranges = [...ranges.filter((range) => range.end < start), merged, ...ranges.filter((range) => range.start > end)]
  }

  for (const range of initial) add(range)
  return {
    add,
    prefix: () => (ranges[0]?.start === 0 ? ranges[0].end : 0),
    missing: ({ start, end }) => {
      const there = ranges.filter((range) => range.start < end && range.end > start)
      const starts = [start, ...there.map((range) => range.end)]
      const ends = [...there.map((range) => range.start), end]
      return starts.map((from, at) => ({ start: from, end: ends[at] ?? end })).filter((gap) => gap.start < gap.end)
    },
    get ranges() {
      return ranges
    },
  }
}
