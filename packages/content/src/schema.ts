import { z } from 'zod'
import { asGitOid, asSha256 } from './digest.ts'
import { type Cid, linkText } from './block.ts'
import { MeshError } from './errors.ts'
import { MAX_FILE_BYTES } from './limits.ts'
import { REPO_TYPES, isRepoId } from './repo.ts'

/** Schemas that the formats share. Unknown fields are kept (`z.looseObject`), unknown versions are not. */

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue }

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** RFC 3339 in UTC, as the Hub and `toISOString` write it: `2026-01-31T12:00:00.000Z`. */
export const isDate = (value: unknown): value is string =>
  typeof value === 'string' &&
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(value) &&
  !Number.isNaN(Date.parse(value))

/** @throws MeshError `bad-bytes` for a version other than 1. What has none is left to the caller's schema. */
export const requireVersion = (what: string, value: unknown): void => {
  if (!isObject(value) || typeof value.v !== 'number' || value.v === 1) return
  throw new MeshError('bad-bytes', `${what} of version ${value.v}: only version 1 is known here`, {
    hint: 'a newer hubmesh wrote it: update this node',
  })
}

const passing = <T>(convert: (value: never) => T) =>
  z.unknown().transform((value, context): T => {
    try {
      return convert(value as never)
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'not valid' })
      return z.NEVER
    }
  })

export const sha256Schema = passing((value: string) => asSha256(value))
export const gitOidSchema = passing((value: string) => asGitOid(value))
export const linkSchema = passing((value: unknown): Cid => linkText(value))
export const sizeSchema = z.number().int().min(0).max(MAX_FILE_BYTES)
export const dateSchema = z.string().refine(isDate, 'not a date in UTC')
export const repoSchema = z.looseObject({
  type: z.enum(REPO_TYPES),
  id: z.string().max(200).refine(isRepoId, 'not a repo id'),
})

/** A value that JSON can hold, at most 64 levels deep: what of the Hub's own answers is passed on. */
export const jsonSchema = z.custom<JsonValue>((value) => isJson(value, 64), 'not plain JSON')

/** @throws MeshError `bad-bytes` naming what was read and the first field that is wrong */
export const parseAs = <T>(what: string, schema: z.ZodType<T>, value: unknown): T => {
  requireVersion(what, value)
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new MeshError('bad-bytes', `not a valid ${what}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim())
}

/** Encoders read back what they made: nothing is signed that others would refuse. @throws MeshError `bad-input` */
export const requireDecodable = (decode: () => void): void => {
  try {
    decode()
  } catch (cause) {
    throw new MeshError('bad-input', cause instanceof Error ? cause.message : 'cannot be read back', { cause })
  }
}

/** A record whose names come from outside: without a prototype, so that no look-up finds `constructor`. */
export const namedBy = <T>(name: z.ZodType<string>, value: z.ZodType<T>) =>
  z
    .record(name as z.ZodString, value)
    .transform((record): Readonly<Record<string, T>> => Object.assign(Object.create(null) as Record<string, T>, record))

const isJson = (value: unknown, depth: number): boolean => {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || depth === 0) return false
  if (Array.isArray(value)) return value.every((item) => isJson(item, depth - 1))
  // Not a byte string, not a link: only a map comes out of DAG-CBOR with this prototype.
  return (
    Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every((item) => isJson(item, depth - 1))
  )
}
