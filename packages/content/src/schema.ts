import { z } from 'zod'
import { asGitOid, asSha256 } from './digest.ts'
import { type Cid, linkText } from './block.ts'
import { MeshError } from './errors.ts'
import { MAX_FILE_BYTES } from './limits.ts'
import { REPO_TYPES, isRepoId } from './repo.ts'

/** Schemas that the formats share. Unknown fields are kept (`z.looseObject`), unknown versions are not. */

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
export const dateSchema = z.iso.datetime()
export const repoSchema = z.looseObject({
  type: z.enum(REPO_TYPES),
  id: z.string().max(200).refine(isRepoId, 'not a repo id'),
})

/** @throws MeshError `bad-bytes` naming what was read and the first field that is wrong */
export const parseAs = <T>(what: string, schema: z.ZodType<T>, value: unknown): T => {
  const version = z.looseObject({ v: z.number() }).safeParse(value)
  if (version.success && version.data.v !== 1) {
    throw new MeshError('bad-bytes', `${what} of version ${version.data.v}: only version 1 is known here`, {
      hint: 'a newer hubmesh wrote it: update this node',
    })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new MeshError('bad-bytes', `not a valid ${what}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim())
}
