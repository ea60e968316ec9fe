import { encodeValue, isObject, jsonSchema } from '@hubmesh/content'

/** What of the Hub's answer goes into a manifest's root block, which may have 1 MiB in all. */
const MAX_INFO_BYTES = 512 * 1024
/** These are read by every client. */
const KEPT = new Set(['id', 'sha', '_id', 'modelId', 'lastModified', 'private', 'gated', 'disabled', 'tags'])
/** The entries give the files; Xet fields would send clients to servers that the mesh does not have. */
const isLeftOut = (name: string): boolean => name === 'siblings' || name === '__proto__' || /^xet/i.test(name)

/**
 * The Hub's answer for a revision, as a manifest keeps it: without its files, and under 512 KiB, for which the largest of the
 * fields that clients can do without are dropped.
 */
export const trimInfo = (answer: unknown): Record<string, unknown> => {
  const fields = isObject(answer) ? Object.entries(answer) : []
  const sized = fields
    .filter(([name, value]) => !isLeftOut(name) && jsonSchema.safeParse(value).success)
    .map(([name, value]) => ({ name, value, bytes: encodeValue([name, value]).length }))
  let total = sized.reduce((sum, { bytes }) => sum + bytes, 0)
  const dropped = new Set<string>()
  for (const { name, bytes } of sized.toSorted((a, b) => rank(a) - rank(b) || b.bytes - a.bytes)) {
    if (total <= MAX_INFO_BYTES || name === 'id' || name === 'sha') break
    dropped.add(name)
    total -= bytes
  }
  return Object.fromEntries(sized.filter(({ name }) => !dropped.has(name)).map(({ name, value }) => [name, value]))
}

/** In which order fields would go. */
const rank = ({ name }: { name: string }): number => (name === 'id' || name === 'sha' ? 2 : KEPT.has(name) ? 1 : 0)
