import type { HubFile } from '@hubmesh/testing'

export interface CheckedRead {
  readonly status: number
  readonly headers: Headers
  /** Bytes that came before the end, all of them right. */
  readonly bytes: number
  /** False when the body ended short of its announced length. */
  readonly isWhole: boolean
}

export interface ReadRange {
  readonly start: number
  /** Exclusive. */
  readonly end: number
}

/**
 * GETs a file, or a range of it, and holds each byte against what the Hub has as it comes. A body that ends short is no error here.
 * @param onBytes called as bytes come; the next are read when it has resolved
 * @throws Error at the first byte that is wrong
 */
export const readChecked = async (
  url: string,
  file: HubFile,
  { range, onBytes }: { range?: ReadRange; onBytes?: (bytes: number) => void | Promise<void> } = {},
): Promise<CheckedRead> => {
  const { start, end } = range ?? { start: 0, end: file.size }
  const headers = range === undefined ? {} : { range: `bytes=${start}-${end - 1}` }
  const response = await fetch(url, { headers })
  const expected = createExpectation(file, start, end)
  let at = start
  const finish = (isWhole: boolean): CheckedRead => ({
    status: response.status,
    headers: response.headers,
    bytes: at - start,
    isWhole,
  })
  const body = response.body?.getReader()
  for (;;) {
    const part = await body?.read().catch((error: unknown) => {
      if (error instanceof TypeError) return 'short' as const // how fetch says that the connection has ended
      throw error
    })
    if (part === 'short') return finish(false)
    if (part === undefined || part.done) return finish(at === end)
    const right = await expected.next(part.value.length)
    if (!right.equals(part.value)) throw new Error(`${file.path}: wrong bytes between ${at} and ${at + right.length}`)
    at += part.value.length
    await onBytes?.(at - start)
  }
}

/** The Hub's bytes in pieces of whatever length. */
const createExpectation = ({ content, path }: HubFile, start: number, end: number) => {
  const pieces = content.read(start, end)[Symbol.asyncIterator]()
  let left = Buffer.alloc(0)
  return {
    next: async (length: number): Promise<Buffer> => {
      const parts = [left]
      for (let have = left.length; have < length;) {
        const piece = await pieces.next()
        if (piece.done === true) throw new Error(`${path}: more bytes than the file has`)
        parts.push(Buffer.from(piece.value))
        have += piece.value.length
      }
      const all = Buffer.concat(parts)
      left = all.subarray(length)
      return all.subarray(0, length)
    },
  }
}
