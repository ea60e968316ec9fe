import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type Block, type Cid, decodeValue, defined, encodeBlock, encodeValue, link } from './block.ts'
import { type GitOid, isGitOid } from './digest.ts'
import { type CommitInfo, commitSchema } from './entry.ts'
import { MeshError } from './errors.ts'
import { CATALOG_SHARDS, MAX_BLOCK_BYTES, MAX_HISTORY_COMMITS } from './limits.ts'
import { comparePaths } from './paths.ts'
import { type RepoRef, isRefName, repoKey } from './repo.ts'
import { dateSchema, gitOidSchema, linkSchema, namedBy, parseAs, repoSchema, requireDecodable } from './schema.ts'

/** Everyone in the mesh may read it. Other audiences come with the access work. */
export const MESH_AUDIENCE = 'mesh'

/** More than what a history's block holds around its commits. */
const HISTORY_FRAME_BYTES = 64

/** What is signed and announced for a catalog. */
export interface CatalogHead {
  readonly v: 1
  /** Peer id of the publisher. */
  readonly publisher: string
  readonly audience: string
  /** `max(last + 1, Unix milliseconds)`: a seed restored from a backup goes on. */
  readonly sequence: number
  readonly issued: string
  readonly expires: string
  readonly root: Cid
}

export interface CatalogRoot extends Omit<CatalogHead, 'root'> {
  /** 64 shards, by hash of the repo key. */
  readonly shards: readonly Cid[]
}

export interface CatalogRef {
  readonly revision: GitOid
  readonly manifest: Cid
  readonly since: string
}

/** All that a publisher offers of one repo. */
export interface CatalogRepo {
  readonly repo: RepoRef
  /** `main`, tags and `refs/…` by name; a tag is named `refs/tags/v1`, a branch by its bare name. */
  readonly refs: Readonly<Record<string, CatalogRef>>
  /** Every revision that is retained. */
  readonly revisions: Readonly<Record<string, Cid>>
  /** Branch -> the block with its commits, newest first. */
  readonly history?: Readonly<Record<string, Cid>> | undefined
  readonly defaultBranch?: string | undefined
  /** Ids that it had before, or is also known by. */
  readonly aliases?: readonly string[] | undefined
  readonly removed?: boolean | undefined
  /** What the seed is doing about it: while it pulls, readers wait instead of being told that there is nothing. */
  readonly job?: { readonly state: 'pulling' | 'failed'; readonly since: string } | undefined
}

const headFields = {
  v: z.literal(1),
  publisher: z.string().min(1).max(128),
  audience: z.string().min(1).max(64),
  sequence: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  issued: dateSchema,
  expires: dateSchema,
}
const headSchema = z.looseObject({ ...headFields, root: linkSchema })
const rootSchema = z.looseObject({ ...headFields, shards: z.array(linkSchema).length(CATALOG_SHARDS) })
const refNameSchema = z.string().refine(isRefName, 'not a ref name')
const shardSchema = z.looseObject({
  v: z.literal(1),
  repos: z.array(
    z.looseObject({
      repo: repoSchema,
      refs: namedBy(refNameSchema, z.looseObject({ revision: gitOidSchema, manifest: linkSchema, since: dateSchema })),
      revisions: namedBy(z.string().refine(isGitOid, 'not a revision'), linkSchema),
      history: namedBy(refNameSchema, linkSchema).optional(),
      defaultBranch: refNameSchema.optional(),
      aliases: z.array(z.string().max(200)).max(64).optional(),
      removed: z.boolean().optional(),
      job: z.looseObject({ state: z.enum(['pulling', 'failed']), since: dateSchema }).optional(),
    }),
  ),
})
const historySchema = z.looseObject({
  v: z.literal(1),
  commits: z.array(commitSchema).max(MAX_HISTORY_COMMITS),
})

/** Which of the 64 shards holds a repo: the first byte of the sha256 of its key, modulo 64. */
export const shardOf = (repo: RepoRef): number =>
  createHash('sha256').update(repoKey(repo)).digest()[0]! % CATALOG_SHARDS

/**
 * The block of one shard; repos are sorted here.
 * @throws MeshError `bad-input` for repos of several shards, one that stands twice, or over 1 MiB
 */
export const encodeShard = (repos: readonly CatalogRepo[]): Block => {
  const sorted = repos.toSorted((a, b) => comparePaths(repoKey(a.repo), repoKey(b.repo)))
  const block = encodeBlock({ v: 1, repos: sorted.map(plainRepo) })
  const first = repos[0]
  if (first !== undefined) requireDecodable(() => decodeShard(shardOf(first.repo), block.bytes))
  return block
}

/**
 * Repos of one shard, in order of their keys. Records come without a prototype: look names up freely.
 * @throws MeshError `bad-bytes`, also for a repo that belongs to another shard or stands twice
 */
export const decodeShard = (index: number, bytes: Uint8Array): readonly CatalogRepo[] => {
  const { repos } = parseAs('catalog shard', shardSchema, decodeValue(bytes))
  const keys = repos.map(({ repo }) => repoKey(repo))
  if (repos.some(({ repo }) => shardOf(repo) !== index))
    throw new MeshError('bad-bytes', 'not a valid catalog shard: a repo of another shard')
  if (keys.some((key, place) => place > 0 && comparePaths(keys[place - 1] ?? '', key) >= 0))
    throw new MeshError('bad-bytes', 'not a valid catalog shard: a repo stands twice or out of order')
  return repos
}

export const encodeCatalogRoot = (root: CatalogRoot): Block =>
  encodeBlock({ ...root, shards: root.shards.map((cid) => link(cid)) })

/** @throws MeshError `bad-bytes` */
export const decodeCatalogRoot = (bytes: Uint8Array): CatalogRoot => parseAs('catalog', rootSchema, decodeValue(bytes))

/** The value that is sealed (see trust): encode with `encodeValue`. */
export const headValue = (head: CatalogHead): unknown => ({ ...head, root: link(head.root) })

/** @throws MeshError `bad-bytes` */
export const decodeHead = (bytes: Uint8Array): CatalogHead => parseAs('catalog head', headSchema, decodeValue(bytes))

/**
 * The block with a branch's commits, newest first: as many of the newest as fit, at most 10 000.
 * @throws MeshError `bad-input` for a commit that is not of the format
 */
export const encodeHistory = (commits: readonly CommitInfo[]): Block => {
  const kept: unknown[] = []
  let room = MAX_BLOCK_BYTES - HISTORY_FRAME_BYTES
  for (const commit of commits.slice(0, MAX_HISTORY_COMMITS)) {
    const plain = defined(commit)
    room -= encodeValue(plain).length
    if (room < 0) break
    kept.push(plain)
  }
  const block = encodeBlock({ v: 1, commits: kept })
  requireDecodable(() => decodeHistory(block.bytes))
  return block
}

/** Commits, newest first. @throws MeshError `bad-bytes` */
export const decodeHistory = (bytes: Uint8Array): readonly CommitInfo[] =>
  parseAs('history', historySchema, decodeValue(bytes)).commits

const plainRepo = (repo: CatalogRepo): unknown => ({
  ...defined(repo),
  refs: mapValues(repo.refs, (ref) => ({ ...ref, manifest: link(ref.manifest) })),
  revisions: mapValues(repo.revisions, (cid) => link(cid)),
  ...(repo.history === undefined ? {} : { history: mapValues(repo.history, (cid) => link(cid)) }),
})

const mapValues = <T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))
