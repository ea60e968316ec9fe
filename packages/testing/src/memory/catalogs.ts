import {
  type CatalogStore,
  type HeldHead,
  type Refusal,
  type RepoRef,
  type Signature,
  type SiteRef,
  MeshError,
  repoKey,
} from '@hubmesh/content'
import { listen } from './state.ts'

const MAX_REFUSALS = 100

interface HeldRepo {
  readonly repo: RepoRef
  all: boolean
  readonly paths: Set<string>
}

export const createMemoryCatalogs = (): CatalogStore => {
  const heads = new Map<string, HeldHead>()
  const listeners = new Set<(held: HeldHead) => void>()
  const refusals: Refusal[] = []
  const signatures = new Map<string, Map<string, Signature>>()
  const views = new Map<string, Record<string, SiteRef>>()
  const holds = new Map<string, HeldRepo>()

  const commitHead = async (held: HeldHead): Promise<void> => {
    const key = JSON.stringify([held.head.publisher, held.head.audience])
    if ((heads.get(key)?.head.sequence ?? 0) > held.head.sequence)
      throw new MeshError('bad-input', 'a catalog head with a higher sequence is held already')
    heads.set(key, held)
    for (const listener of listeners) listener(held)
  }

  const hold = async (repo: RepoRef, paths: readonly string[] | 'all'): Promise<void> => {
    const held = holds.get(repoKey(repo)) ?? { repo, all: false, paths: new Set() }
    holds.set(repoKey(repo), held)
    if (paths === 'all') held.all = true
    else for (const path of paths) held.paths.add(path)
  }

  return {
    heads: () => [...heads.values()],
    commitHead,
    onCommit: (listener) => listen(listeners, listener),
    refusals: () => refusals.slice(),
    recordRefusal: async (refusal) => {
      refusals.unshift(refusal)
      refusals.length = Math.min(refusals.length, MAX_REFUSALS)
    },
    signatures: async (manifest) => [...(signatures.get(manifest)?.values() ?? [])],
    addSignatures: async (manifest, added) => {
      const known = signatures.get(manifest) ?? new Map<string, Signature>()
      for (const signature of added) known.set(signature.keyid, signature)
      signatures.set(manifest, known)
    },
    view: async (repo) => ({ ...views.get(repoKey(repo)) }),
    setView: async (repo, ref, at) => void views.set(repoKey(repo), { ...views.get(repoKey(repo)), [ref]: at }),
    held: async (repo) => {
      const { all = false, paths = [] } = holds.get(repoKey(repo)) ?? {}
      return { all, paths: new Set(paths) }
    },
    hold,
    heldRepos: async () => [...holds.values()].map((held) => held.repo),
  }
}
