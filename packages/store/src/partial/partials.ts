import { type BlockStore, type Cid, MeshError, type PartialBlob, type PartialPlan } from '@hubmesh/content'
import { createKnownLists, listKey } from '../chunk-lists.ts'
import { createKeyedLock } from '../keyed-lock.ts'
import { loadList, loadPage } from '../list-blocks.ts'
import { createCompletePartial } from './complete-partial.ts'
import { createPartialRecords } from './partial-file.ts'
import { type PartialComponents, type SharedPartial, openSharedPartial } from './shared-partial.ts'

/** Partials that nobody uses stay open, up to so many: a hash that was begun is not begun again at each request. */
const MAX_IDLE = 16

export interface Partials {
  open(plan: PartialPlan): Promise<PartialBlob>
  /** The partial of a list that chunks were stored of before, planned from the blocks here. */
  resume(list: Cid): Promise<PartialBlob | undefined>
  close(): Promise<void>
}

interface Entry {
  readonly partial: SharedPartial
  readonly size: number
  readonly chunks: number
  users: number
  /** It has become a blob, or cannot go on: nobody new joins it. */
  isOver: boolean
}

export const createPartials = (components: PartialComponents & { blocks: BlockStore }): Partials => {
  const { index, blobs, blocks } = components
  const lists = createKnownLists(index)
  const records = createPartialRecords(index)
  const entries = new Map<Cid, Entry>()
  const one = createKeyedLock()

  const create = async (plan: PartialPlan): Promise<Entry> => {
    const root = await loadList(blocks, plan.list)
    if (root !== undefined && root.size !== plan.size) throw wrongPlan(plan)
    const partial = await openSharedPartial(
      components,
      plan,
      root?.pages.map((page) => page.bytes),
    )
    const entry: Entry = { partial, size: plan.size, chunks: plan.chunks, users: 0, isOver: false }
    const end = (): void => void retire(plan.list, entry)
    partial.whole.then(end, end)
    return entry
  }

  /** Those who have it open keep it. */
  const retire = async (list: Cid, entry: Entry): Promise<void> => {
    entry.isOver = true
    if (entries.get(list) === entry) entries.delete(list)
    if (entry.users === 0) await entry.partial.close()
  }

  const openComplete = async (plan: PartialPlan): Promise<PartialBlob | undefined> => {
    const known = lists.get(listKey(plan.list))
    if (known === undefined) return undefined
    if (known.sha256 !== plan.sha256 || known.size !== plan.size || known.chunks !== plan.chunks) throw wrongPlan(plan)
    const blob = await blobs.open(known.sha256)
    return blob && createCompletePartial(blobs, plan, blob)
  }

  const open = (plan: PartialPlan): Promise<PartialBlob> =>
    one(plan.list, async () => {
      const complete = entries.has(plan.list) ? undefined : await openComplete(plan)
      if (complete !== undefined) return complete
      const entry = entries.get(plan.list) ?? (await create(plan))
      if (entry.size !== plan.size || entry.chunks !== plan.chunks) throw wrongPlan(plan)
      if (!entry.isOver) use(plan.list, entry)
      entry.users += 1
      entry.partial.join(plan)
      return createView(entry, plan, () => release(plan.list, entry))
    })

  /** The last used comes last. */
  const use = (list: Cid, entry: Entry): void => {
    entries.delete(list)
    entries.set(list, entry)
  }

  const release = async (list: Cid, entry: Entry): Promise<void> => {
    entry.users -= 1
    if (entry.isOver && entry.users === 0) await entry.partial.close()
    const idle = [...entries].filter(([, { users, partial }]) => users === 0 && !partial.have.complete)
    for (const [oldest] of idle.slice(0, -MAX_IDLE)) await one(oldest, () => closeIdle(oldest))
  }

  const closeIdle = async (list: Cid): Promise<void> => {
    const entry = entries.get(list)
    if (entry?.users !== 0) return
    entries.delete(list)
    await entry.partial.close()
  }

  const resume = async (list: Cid): Promise<PartialBlob | undefined> => {
    const record = records.get(listKey(list))
    const root = record && (await loadList(blocks, list))
    if (record === undefined || root === undefined) return undefined
    const { sha256, size, chunks } = record
    return open({ list, sha256, size, chunks, page: (page) => loadPage(blocks, root, page) })
  }

  return {
    open,
    resume,
    close: async () => {
      const open = [...entries.values()]
      entries.clear()
      await Promise.all(open.map(({ partial }) => partial.close()))
    },
  }
}

const createView = ({ partial }: Entry, plan: PartialPlan, release: () => Promise<void>): PartialBlob => {
  const finished = partial.whole.then((sha256) => {
    if (sha256 !== plan.sha256) throw wrongPlan(plan)
  })
  finished.catch(() => {}) // whoever waits for it hears of it; nobody has to wait
  let isClosed = false
  return {
    plan,
    have: partial.have,
    putChunk: partial.putChunk,
    readChunk: partial.readChunk,
    adopt: partial.adopt,
    finished,
    close: async () => {
      if (isClosed) return
      isClosed = true
      await release()
    },
  }
}

const wrongPlan = ({ list }: PartialPlan): MeshError =>
  new MeshError('bad-bytes', `chunk list ${list} is not of the blob that it is said to be of`)
