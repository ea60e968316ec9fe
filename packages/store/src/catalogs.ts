import { z } from 'zod'
import {
  type CatalogStore,
  type HeldHead,
  MeshError,
  type Refusal,
  type RepoRef,
  type Signature,
  type SiteRef,
  decodeHead,
  encodeValue,
  headValue,
  parseRepoSpec,
  repoKey,
} from '@hubmesh/content'
import type { IndexDb } from './index-db.ts'
import { createKeyedLock } from './keyed-lock.ts'
import { bytesSchema, cidTextSchema } from './schemas.ts'
import { createRecords, textKey, textKeyParts, textKeyPrefix } from './table.ts'

const MAX_REFUSALS = 100

const headSchema = z.object({ head: bytesSchema, envelope: bytesSchema, acceptedAt: z.string() })
const siteRefSchema = z.object({ revision: z.string(), manifest: cidTextSchema, since: z.string() })
const refusalSchema = z.object({
  kind: z.enum([
    'signature',
    'untrusted',
    'rollback',
    'equivocation',
    'expired',
    'mix-and-match',
    'endless-data',
    'malformed',
  ]),
  publisher: z.string(),
  subject: z.string(),
  reason: z.string(),
  from: z.string(),
  at: z.string(),
})

/** Heads and refusals are read once and kept in memory; all else is read when it is asked for. */
export const createCatalogStore = async ({ index }: { index: IndexDb }): Promise<CatalogStore> => ({
  ...(await createHeads(index)),
  ...(await createRefusals(index)),
  ...createSignatures(index),
  ...createViews(index),
  ...createHolds(index),
})

const createHeads = async (index: IndexDb): Promise<Pick<CatalogStore, 'heads' | 'commitHead' | 'onCommit'>> => {
  const records = createRecords(index.tables.heads, 'catalog head', headSchema)
  const held = new Map<string, HeldHead>()
  const inOrder = createKeyedLock()
  const listeners = new Set<(head: HeldHead) => void>()
  for await (const [key, record] of records.entries())
    held.set(Buffer.from(key).toString(), { ...record, head: decodeHead(record.head) })

  // One after the other, so that of two heads the lower cannot come last.
  const commitHead = (next: HeldHead): Promise<void> =>
    inOrder('heads', async () => {
      const { publisher, audience, sequence } = next.head
      const key = JSON.stringify([publisher, audience])
      if ((held.get(key)?.head.sequence ?? 0) > sequence)
        throw new MeshError('bad-input', 'a catalog head with a higher sequence is held already')
      await index.commit([records.put(textKey(key), { ...next, head: encodeValue(headValue(next.head)) })])
      held.set(key, next)
      for (const listener of listeners) listener(next)
    })

  return {
    heads: () => [...held.values()],
    commitHead,
    onCommit: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

const createRefusals = async (index: IndexDb): Promise<Pick<CatalogStore, 'refusals' | 'recordRefusal'>> => {
  const records = createRecords(index.tables.refusals, 'refusal', refusalSchema)
  const recent: Refusal[] = []
  let next = 0
  for await (const [key, refusal] of records.entries()) {
    recent.unshift(refusal)
    next = Number(Buffer.from(key).readBigUInt64BE()) + 1
  }
  return {
    refusals: () => recent.slice(),
    recordRefusal: async (refusal) => {
      recent.unshift(refusal)
      recent.length = Math.min(recent.length, MAX_REFUSALS)
      const number = next
      next += 1
      // Not synced: whoever makes us refuse things must not make us sync the disk for each.
      await index.note([
        records.put(numberKey(number), refusal),
        ...(number < MAX_REFUSALS ? [] : [records.del(numberKey(number - MAX_REFUSALS))]),
      ])
    },
  }
}

const createSignatures = (index: IndexDb): Pick<CatalogStore, 'signatures' | 'addSignatures'> => {
  const { signatures: table } = index.tables
  return {
    signatures: async (manifest) => {
      const found: Signature[] = []
      for await (const [key, sig] of table.entries(textKeyPrefix(manifest)))
        found.push({ keyid: textKeyParts(key)[1] ?? '', sig: new Uint8Array(sig) })
      return found
    },
    addSignatures: async (manifest, signatures) =>
      index.commit(signatures.map(({ keyid, sig }) => table.put(textKey(manifest, keyid), sig))),
  }
}

const createViews = (index: IndexDb): Pick<CatalogStore, 'view' | 'setView'> => {
  const records = createRecords(index.tables.views, 'site ref', siteRefSchema)
  return {
    view: async (repo) => {
      const refs: [string, SiteRef][] = []
      for await (const [key, at] of records.entries(textKeyPrefix(repoKey(repo))))
        refs.push([textKeyParts(key)[1] ?? '', at])
      return Object.fromEntries(refs)
    },
    setView: async (repo, ref, at) => index.commit([records.put(textKey(repoKey(repo), ref), at)]),
  }
}

/** One key for each path that is held; the empty path stands for all of the repo. */
const createHolds = (index: IndexDb): Pick<CatalogStore, 'held' | 'hold' | 'heldRepos'> => {
  const { holds: table } = index.tables
  const ALL = ''
  return {
    held: async (repo) => {
      const paths = new Set<string>()
      for await (const [key] of table.entries(textKeyPrefix(repoKey(repo)))) paths.add(textKeyParts(key)[1] ?? ALL)
      return { all: paths.delete(ALL), paths }
    },
    hold: async (repo, paths) =>
      index.commit(
        (paths === 'all' ? [ALL] : paths).map((path) => table.put(textKey(repoKey(repo), path), new Uint8Array())),
      ),
    heldRepos: async () => {
      const repos = new Map<string, RepoRef>()
      for await (const [key] of table.entries()) {
        const [name = ''] = textKeyParts(key)
        if (!repos.has(name)) repos.set(name, parseRepoSpec(name))
      }
      return [...repos.values()]
    },
  }
}

const numberKey = (number: number): Uint8Array => {
  const key = Buffer.alloc(8)
  key.writeBigUInt64BE(BigInt(number))
  return key
}
