/** Bytes `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export const wholeRange = (size: number): ByteRange => ({ start: 0, end: size })
