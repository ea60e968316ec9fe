import { type Cid, isAnyCid, isMeshError, parseCid } from '@hubmesh/content'
import type { Answer, HeaderFields } from '../answer.ts'
import { errorAnswer } from '../errors.ts'
import { planOf } from '../http/send-plan.ts'
import type { GatewayRequest, Handler, Room } from './request.ts'

const RAW = 'application/vnd.ipld.raw'
/** The empty identity CID, by which clients find out whether there is a gateway. */
const PROBE = 'bafkqaaa'

/**
 * `/ipfs/{cid}`: one block that is on this disk, by the trustless gateway specification: a chunk of a file, or a
 * structured block. Whole files are at their own paths.
 */
export const ipfs: Handler<'ipfs'> = async (room, { cid, rest }, request): Promise<Answer> => {
  const format = wantedFormat(request)
  if (format === 'none') return errorAnswer(400, `say what you want: ?format=raw, or Accept: ${RAW}`)
  if (format === 'other') return errorAnswer(406, `only raw blocks here: ?format=raw, or Accept: ${RAW}`)
  if (!isAnyCid(cid)) return errorAnswer(400, 'that is not a CID')
  if (rest.length > 0) return errorAnswer(400, 'a raw block is asked for by its CID alone, without a path')
  const bytes = cid === PROBE ? new Uint8Array() : await blockOf(room, cid)
  if (bytes !== undefined) return blockAnswer(cid, bytes, request)
  if (request.headers['cache-control']?.includes('only-if-cached') === true)
    return errorAnswer(412, 'this block is not here')
  return errorAnswer(404, 'this block is not here')
}

const blockOf = async ({ library }: Room, text: string): Promise<Uint8Array | undefined> => {
  let cid: Cid
  try {
    cid = parseCid(text)
  } catch (error) {
    if (!isMeshError(error, 'bad-input')) throw error
    return undefined // a CID of a kind that nothing here has
  }
  return library.block(cid)
}

/** `format` goes before `Accept`. */
const wantedFormat = ({ query, headers }: GatewayRequest): 'raw' | 'other' | 'none' => {
  const format = query.get('format')
  if (format !== null) return format === 'raw' ? 'raw' : 'other'
  if (headers.accept === undefined) return 'none'
  const types = headers.accept.split(',').map((type) => (type.split(';')[0] ?? '').trim().toLowerCase())
  return types.some((type) => type === RAW || type === 'application/*' || type === '*/*') ? 'raw' : 'other'
}

const blockAnswer = (cid: string, bytes: Uint8Array, request: GatewayRequest): Answer => {
  const { status, etag, part, contentRange } = planOf(request.headers, { size: bytes.length, etag: `"${cid}.raw"` })
  const headers: HeaderFields = {
    ETag: etag,
    'Cache-Control': 'public, max-age=29030400, immutable',
    'X-Ipfs-Path': `/ipfs/${cid}`,
    'X-Ipfs-Roots': cid,
    ...(request.query.get('format') === null ? { Vary: 'Accept' } : {}),
    ...(contentRange === undefined ? {} : { 'Content-Range': contentRange }),
  }
  if (part === undefined) return { status, headers }
  return {
    status,
    headers: {
      ...headers,
      'Content-Type': RAW,
      'Content-Disposition': `attachment; filename="${cid}.bin"`,
      'Content-Length': String(part.end - part.start),
      'Accept-Ranges': 'bytes',
      'X-Content-Type-Options': 'nosniff',
      'X-Mesh-Source': 'local',
      ...(request.query.get('format') === null ? { 'Content-Location': `/ipfs/${cid}?format=raw` } : {}),
    },
    body: Buffer.from(bytes.buffer, bytes.byteOffset + part.start, part.end - part.start),
  }
}
