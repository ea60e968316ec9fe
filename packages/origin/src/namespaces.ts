import { type BlockStore, type CatalogRepo, MeshError, type RepoRef, decodeManifest, repoKey } from '@hubmesh/content'

/** What a manifest names as its upstream when its content is one's own. */
export const PUBLISHED = 'publish'

type RepoOrigin = 'published' | 'mirrored'

/**
 * A namespace is either one's own or upstream's: names under one's own are never told to upstream, and nobody upstream can
 * take the place of what is published here. Undefined where nothing of the namespace has come yet.
 */
const originOf = async (components: NamespaceComponents, repo: RepoRef): Promise<RepoOrigin | undefined> => {
  for (const one of await components.repos()) {
    const origin = namespaceOf(one.repo) === namespaceOf(repo) ? await readOrigin(components.blocks, one) : undefined
    if (origin !== undefined) return origin
  }
  return undefined
}

export interface NamespaceComponents {
  readonly blocks: BlockStore
  /** All that this node offers. */
  repos(): Promise<readonly CatalogRepo[]>
}

/** @throws MeshError `repo-not-found` when the namespace is one's own */
export const refuseOwnNamespace = async (components: NamespaceComponents, repo: RepoRef): Promise<void> => {
  if ((await originOf(components, repo)) !== 'published') return
  throw new MeshError('repo-not-found', `${repoKey(repo)} is not asked for upstream`, {
    hint: `${namespaceOf(repo)} is published by this node, so upstream is never asked for its names`,
  })
}

/** @throws MeshError `bad-input` when the namespace is upstream's */
export const refuseUpstreamNamespace = async (components: NamespaceComponents, repo: RepoRef): Promise<void> => {
  if ((await originOf(components, repo)) !== 'mirrored') return
  throw new MeshError('bad-input', `${namespaceOf(repo)} is mirrored from upstream by this node`, {
    hint: 'publish under a name of your own, for example OWNER/NAME with an OWNER that upstream does not have',
  })
}

const namespaceOf = ({ id }: RepoRef): string => id.split('/', 1)[0] ?? id

/** Undefined for a repo that has nothing yet: it is on its way from upstream, or failed to come. */
const readOrigin = async (blocks: BlockStore, offer: CatalogRepo): Promise<RepoOrigin | undefined> => {
  const [manifest] = Object.values(offer.revisions)
  const root = manifest === undefined ? undefined : await blocks.get(manifest)
  if (root === undefined) return undefined
  return decodeManifest(root.bytes).upstream === PUBLISHED ? 'published' : 'mirrored'
}
