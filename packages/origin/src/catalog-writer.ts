import {
  type Block,
  type BlockStore,
  CATALOG_SHARDS,
  type CatalogHead,
  type CatalogRepo,
  type CatalogStore,
  type CatalogWriter,
  type Cid,
  type Log,
  MESH_AUDIENCE,
  MeshError,
  type RepoRef,
  type Swarm,
  decodeCatalogRoot,
  decodeShard,
  encodeCatalogRoot,
  encodeShard,
  repoKey,
  shardOf,
} from '@hubmesh/content'
import { type Signer, sealHead } from '@hubmesh/trust'
import { createSlots } from './http/parallel.ts'

export interface CatalogComponents {
  readonly blocks: BlockStore
  readonly catalogs: CatalogStore
  readonly swarm: Pick<Swarm, 'announce' | 'provide' | 'withdraw'>
  readonly signer: Signer
  readonly log: Log
}

/** This node's own catalog. */
export interface OwnCatalog extends CatalogWriter {
  /** All repos, in no order. */
  repos(): Promise<readonly CatalogRepo[]>
  /** The repo that has the id, or had it before it was renamed. */
  find(repo: RepoRef): Promise<CatalogRepo | undefined>
  /** Offers again what was offered before this start, and from now on renews the catalog's date. */
  start(): Promise<void>
  stop(): Promise<void>
}

interface Shard {
  readonly cid: Cid
  readonly repos: readonly CatalogRepo[]
}

const VALID_MS = 7 * 24 * 60 * 60_000
const RENEW_AFTER_MS = 24 * 60 * 60_000
/** How often it is looked whether a day is over: a sleeping machine's timers cannot be trusted with a day. */
const LOOK_EVERY_MS = 30 * 60_000

/**
 * Rewrites the catalog one change at a time: the shard, the root, then the sealed head, which is committed here before anyone
 * hears of it. The last head that was committed is where it goes on after a start.
 */
export const createCatalogWriter = (components: CatalogComponents): OwnCatalog => {
  const { blocks, catalogs, swarm, signer, log } = components
  const turn = createSlots(1)
  const never = new AbortController().signal
  const inTurn = <T>(task: () => Promise<T>): Promise<T> => turn.run(task, never)
  let shards: Promise<Shard[]> | undefined
  let timer: NodeJS.Timeout | undefined

  const heldHead = () =>
    catalogs.heads().find(({ head }) => head.publisher === signer.publisher && head.audience === MESH_AUDIENCE)

  const load = (): Promise<Shard[]> => {
    shards ??= loadShards(blocks, heldHead()?.head.root).catch((error: unknown) => {
      shards = undefined
      throw error
    })
    return shards
  }

  const publish = async (next: readonly Shard[], changed: readonly Block[]): Promise<void> => {
    const fields = nextFields(signer.publisher, heldHead()?.head.sequence ?? 0)
    const root = encodeCatalogRoot({ ...fields, shards: next.map(({ cid }) => cid) })
    await blocks.put([...changed, root])
    const head: CatalogHead = { ...fields, root: root.cid }
    const envelope = await sealHead(head, signer)
    await catalogs.commitHead({ head, envelope, acceptedAt: fields.issued })
    shards = Promise.resolve([...next])
    await announce(envelope)
  }

  /** Those who do not hear it now learn of it when they next ask: no reason to fail. */
  const announce = async (envelope: Uint8Array): Promise<void> => {
    try {
      await swarm.announce(envelope)
    } catch (error) {
      log.warn({ error }, 'the catalog could not be announced; peers learn of it when they ask')
    }
  }

  const rewrite = async (repo: RepoRef, change: Parameters<CatalogWriter['update']>[1]): Promise<void> => {
    const all = await load()
    const index = shardOf(repo)
    const inShard = all[index]?.repos ?? []
    const held = inShard.find((one) => repoKey(one.repo) === repoKey(repo))
    const next = change(held)
    if (next === held) return
    const others = inShard.filter((one) => one !== held)
    const block = encodeShard(next === undefined ? others : [...others, next])
    const shard = { cid: block.cid, repos: decodeShard(index, block.bytes) }
    await publish(all.with(index, shard), allBlocks(all, block))
    provideChange(swarm, held, next)
  }

  const renew = async (): Promise<void> => {
    const issued = Date.parse(heldHead()?.head.issued ?? '')
    if (Date.now() - issued >= RENEW_AFTER_MS) await publish(await load(), [])
  }

  const repos = async (): Promise<readonly CatalogRepo[]> => (await load()).flatMap((shard) => shard.repos)

  const offered: CatalogWriter['offered'] = async (repo) =>
    (await load())[shardOf(repo)]?.repos.find((one) => repoKey(one.repo) === repoKey(repo))

  return {
    repos,
    offered,
    find: async (repo) =>
      (await offered(repo)) ??
      (await repos()).find((one) => one.repo.type === repo.type && one.aliases?.includes(repo.id)),
    update: (repo, change) => inTurn(() => rewrite(repo, change)),
    start: async () => {
      for (const repo of await repos()) provideChange(swarm, undefined, repo)
      await inTurn(renew)
      const held = heldHead()
      if (held !== undefined) await announce(held.envelope)
      timer = setInterval(() => {
        inTurn(renew).catch((error: unknown) => log.error({ error }, 'the catalog could not be renewed'))
      }, LOOK_EVERY_MS)
      timer.unref()
    },
    stop: async () => {
      clearInterval(timer)
      await inTurn(async () => {})
    },
  }
}

/** `sequence` also rises when the clock was set back, and when a backup was restored. */
const nextFields = (publisher: string, last: number) => {
  const now = Date.now()
  return {
    v: 1,
    publisher,
    audience: MESH_AUDIENCE,
    sequence: Math.max(last + 1, now),
    issued: new Date(now).toISOString(),
    expires: new Date(now + VALID_MS).toISOString(),
  } as const
}

const loadShards = async (blocks: BlockStore, root: Cid | undefined): Promise<Shard[]> => {
  if (root === undefined) return emptyShards()
  const { shards } = decodeCatalogRoot(await requireBlock(blocks, root))
  return Promise.all(
    shards.map(async (cid, index) => ({ cid, repos: decodeShard(index, await requireBlock(blocks, cid)) })),
  )
}

const requireBlock = async (blocks: BlockStore, cid: Cid): Promise<Uint8Array> => {
  const block = await blocks.get(cid)
  if (block !== undefined) return block.bytes
  throw new MeshError('io', `a block of this node's own catalog is missing: ${cid}`, {
    hint: 'the index in the home was damaged: restore it from a backup, or start with an empty home',
  })
}

const emptyShards = (): Shard[] => {
  const { cid } = encodeShard([])
  return Array.from({ length: CATALOG_SHARDS }, () => ({ cid, repos: [] }))
}

/** The shard that changed, and with the first one of all the empty shard, which the others are. */
const allBlocks = (before: readonly Shard[], changed: Block): Block[] =>
  before.every(({ repos }) => repos.length === 0) ? [changed, encodeShard([])] : [changed]

const provideChange = (
  swarm: CatalogComponents['swarm'],
  before: CatalogRepo | undefined,
  after: CatalogRepo | undefined,
): void => {
  const old = new Set(Object.values(before?.revisions ?? {}))
  const now = new Set(Object.values(after?.revisions ?? {}))
  for (const manifest of now) if (!old.has(manifest)) swarm.provide(manifest)
  for (const manifest of old) if (!now.has(manifest)) swarm.withdraw(manifest)
}
