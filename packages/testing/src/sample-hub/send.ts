import type { ServerResponse } from 'node:http'
import type { Answer, FileBody } from './answer.ts'
import type { FaultBook, HubRoute } from './faults.ts'
import type { RequestRecord } from './ledger.ts'
import type { HubRequest } from './request.ts'

/** What browsers may do with the Hub (the list is the Hub's own). */
const CORS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers':
    'X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag',
}

/** Writes the answer, with the faults that apply to bodies. Resolves when it is out, or the client gone. */
export const sendAnswer = async (
  response: ServerResponse,
  {
    answer,
    request,
    record,
    faults,
  }: { answer: Answer; request: HubRequest; record: RequestRecord; faults: FaultBook },
): Promise<void> => {
  const { status, headers = {}, body = '' } = answer
  record.status = status
  response.writeHead(status, { ...CORS, ...headers })
  if (request.method === 'HEAD') response.end()
  else if (typeof body === 'string') response.end(body)
  else if (body instanceof Uint8Array) {
    record.bytes += body.length // a file that was compressed
    response.end(body)
  } else await sendFile(response, { body, route: request.route, record, faults })
}

interface FileSend {
  readonly body: FileBody
  readonly route: HubRoute
  readonly record: RequestRecord
  readonly faults: FaultBook
}

const sendFile = async (response: ServerResponse, { body, route, record, faults }: FileSend): Promise<void> => {
  const { content, path, start, end } = body
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const cut = faults.take('cut', route, path)
  const reset = cut === undefined ? faults.take('reset', route, path) : undefined
  const slow = faults.take('throttle', route, path)
  const flip = faults.take('flip', route, path)
  const last = start + ((cut ?? reset)?.afterBytes ?? Infinity)

  let at = start
  for await (const piece of content.read(start, Math.min(end, last))) {
    for (const part of slow === undefined ? [piece] : slices(piece, SLOW_SLICE_BYTES)) {
      if (slow !== undefined) await faults.pace(slow, part.length, gone.signal)
      await write(response, flip === undefined ? part : flipped(part, flip.at - at))
      at += part.length
      record.bytes += part.length
    }
  }
  if (last >= end) response.end()
  else if (reset === undefined) response.destroy()
  else response.socket?.resetAndDestroy()
}

/** So small that even 50 KB/s flow rather than jerk. */
const SLOW_SLICE_BYTES = 8 * 1024

const write = async (response: ServerResponse, bytes: Uint8Array): Promise<void> => {
  await new Promise<void>((resolve, reject) => {
    response.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  if (at < 0 || at >= bytes.length) return bytes
  const copy = Uint8Array.from(bytes)
  copy[at] = copy[at]! ^ 1
  return copy
}

const slices = (bytes: Uint8Array, size: number): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size))
