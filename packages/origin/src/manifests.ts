import { type BlockStore, type CatalogStore, type Cid, type ManifestDraft, encodeManifest } from '@hubmesh/content'
import { type Signer, signManifest } from '@hubmesh/trust'

export interface ManifestComponents {
  readonly blocks: BlockStore
  readonly catalogs: CatalogStore
  readonly signer: Signer
}

/**
 * Makes a revision's manifest, signs it and keeps both: durable when it resolves, offered to nobody yet.
 * @throws MeshError `bad-input` for what no reader would take
 */
export const storeManifest = async (
  { blocks, catalogs, signer }: ManifestComponents,
  draft: ManifestDraft,
): Promise<Cid> => {
  const { root, pages } = encodeManifest(draft)
  await blocks.put([...pages, root])
  await catalogs.addSignatures(root.cid, [await signManifest(root, signer)])
  return root.cid
}
