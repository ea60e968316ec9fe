import { isAbsolute } from 'node:path'
import { MeshError, type PublishCommand, type PullRequest } from '@hubmesh/content'
import { z } from 'zod'

const globs = z.array(z.string().max(4096)).max(1000)
const folder = z.string().max(4096).refine(isAbsolute, 'not an absolute folder')

const pullSchema = z.object({
  spec: z.string().max(1000),
  include: globs,
  exclude: globs,
  to: folder.optional(),
  copy: z.boolean(),
})

const publishSchema = z.object({
  directory: folder,
  spec: z.string().max(1000),
  message: z.string().max(100_000),
})

/** @throws MeshError `bad-input` naming the field that is wrong */
export const parsePull = (value: unknown): PullRequest => parse(pullSchema, value)

/** @throws MeshError `bad-input` naming the field that is wrong */
export const parsePublish = (value: unknown): PublishCommand => parse(publishSchema, value)

const parse = <T>(schema: z.ZodType<T>, value: unknown): T => {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new MeshError('bad-input', `not a valid request: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`)
}
