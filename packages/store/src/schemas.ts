import { z } from 'zod'
import { type Cid, type Sha256, isSha256, parseCid } from '@hubmesh/content'

/** Texts as they stand in the index. */
export const sha256TextSchema = z.custom<Sha256>(
  (value) => typeof value === 'string' && isSha256(value),
  'not a sha256',
)
export const cidTextSchema = z.custom<Cid>((value) => typeof value === 'string' && isCid(value), 'not a CID')
export const countSchema = z.number().int().min(0)
export const bytesSchema = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'not bytes')

const isCid = (text: string): boolean => {
  try {
    return parseCid(text) === text
  } catch {
    return false // the caller says so
  }
}
