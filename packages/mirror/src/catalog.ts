import {
  type CatalogRepo,
  type CatalogRoot,
  type Cid,
  type HeldHead,
  decodeCatalogRoot,
  decodeShard,
  isMeshError,
  repoKey,
} from '@hubmesh/content'
import { RefusedError } from '@hubmesh/trust'
import type { Blocks } from './blocks.ts'
import { forEachBounded } from './bounded.ts'
import { SHARDS_AT_ONCE } from './limits.ts'

/** A publisher's catalog, decoded. */
export interface LoadedCatalog {
  readonly held: HeldHead
  readonly shards: readonly Shard[]
  /** By repo key, and by the keys of their other names. */
  readonly repos: ReadonlyMap<string, CatalogRepo>
  readonly aliases: ReadonlyMap<string, CatalogRepo>
}

interface Shard {
  readonly cid: Cid
  readonly repos: readonly CatalogRepo[]
}

export interface LoadOptions {
  /** Shards that stand in it already are not decoded again. */
  readonly before: LoadedCatalog | undefined
  readonly signal: AbortSignal
  readonly hint?: string | undefined
}

/**
 * Fetches and decodes what a head names.
 * @throws RefusedError `mix-and-match` for another catalog's root, `malformed`; MeshError `not-ready`
 */
export const loadCatalog = async (blocks: Blocks, held: HeldHead, options: LoadOptions): Promise<LoadedCatalog> => {
  const block = await blocks.block(held.head.root, options)
  const root = decoded(held, () => decodeCatalogRoot(block.bytes))
  requireSame(held, root)
  const shards: Shard[] = []
  await forEachBounded(
    root.shards.entries(),
    { width: SHARDS_AT_ONCE, signal: options.signal },
    async (item, signal) => {
      const [index, cid] = item
      const same = options.before?.shards[index]
      shards[index] = same?.cid === cid ? same : await loadShard(index, cid, { ...options, signal })
    },
  )
  const all = shards.flatMap((shard) => shard.repos)
  return {
    held,
    shards,
    repos: new Map(all.map((repo) => [repoKey(repo.repo), repo])),
    aliases: new Map(all.flatMap((repo) => aliasKeys(repo).map((key) => [key, repo] as const))),
  }

  async function loadShard(index: number, cid: Cid, { signal, hint }: LoadOptions): Promise<Shard> {
    const { bytes } = await blocks.block(cid, { signal, hint })
    return { cid, repos: decoded(held, () => decodeShard(index, bytes)) }
  }
}

/** Repos of the shards that are not the same in both. */
export const changedRepos = (before: LoadedCatalog | undefined, after: LoadedCatalog): CatalogRepo[] => {
  const changed = after.shards.filter((shard, index) => before?.shards[index]?.cid !== shard.cid)
  const gone = before?.shards.filter((shard, index) => after.shards[index]?.cid !== shard.cid) ?? []
  const all = [...gone, ...changed].flatMap((shard) => shard.repos)
  return [...new Map(all.map((repo) => [repoKey(repo.repo), repo])).values()]
}

const aliasKeys = ({ repo, aliases = [] }: CatalogRepo): string[] =>
  aliases.map((id) => repoKey({ type: repo.type, id })).filter((key) => key !== repoKey(repo))

const requireSame = ({ head }: HeldHead, root: CatalogRoot): void => {
  const same =
    root.publisher === head.publisher &&
    root.audience === head.audience &&
    root.sequence === head.sequence &&
    root.expires === head.expires
  if (!same) throw new RefusedError('mix-and-match', head.publisher, 'a catalog root that is not what its head says')
}

const decoded = <T>({ head }: HeldHead, decode: () => T): T => {
  try {
    return decode()
  } catch (cause) {
    if (!isMeshError(cause, 'bad-bytes')) throw cause
    throw new RefusedError('malformed', head.publisher, `signed, but ${cause.message}`, { cause })
  }
}
