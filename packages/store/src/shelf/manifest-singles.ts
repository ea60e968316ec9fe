import {
  Bitmap,
  type BlockStore,
  type Cid,
  type FileEntry,
  type Sha256,
  decodeManifest,
  decodeManifestPage,
  isMeshError,
  sha256Bytes,
  sha256FromBytes,
  singleChunkFiles,
} from '@hubmesh/content'
import type { BlobFiles } from '../blob-files.ts'

const DIGEST_BYTES = 32
/** Names that are looked up in one go. */
const LOOKUP = 1024

/** The files of one chunk of a manifest, and which of them are here: 32 bytes a file. */
export interface ManifestSingles {
  /** Live. */
  readonly have: Bitmap
  nameOf(index: number): Sha256 | undefined
  indexOf(sha256: Sha256): number | undefined
  /** Looks up which are here. Those that come meanwhile are told from outside. */
  fill(blobs: BlobFiles): Promise<void>
}

/** Undefined unless the CID is a manifest's whose blocks are all here. */
export const loadSingles = async (blocks: BlockStore, cid: Cid): Promise<ManifestSingles | undefined> => {
  const root = await blocks.get(cid)
  const pages = root && entryPages(root.bytes)
  if (pages === undefined) return undefined
  const files: FileEntry[] = []
  for (const page of pages) {
    const block = await blocks.get(page)
    if (block === undefined) return undefined
    for (const file of singleChunkFiles(decodeManifestPage(block.bytes))) files.push(file)
  }
  return createSingles(singleChunkFiles(files).map((file) => file.sha256))
}

/** Any CID may be asked for: undefined for a block of another kind. */
const entryPages = (bytes: Uint8Array): readonly Cid[] | undefined => {
  try {
    return decodeManifest(bytes).entries
  } catch (error) {
    if (isMeshError(error, 'bad-bytes')) return undefined
    throw error
  }
}

const createSingles = (names: readonly Sha256[]): ManifestSingles => {
  const digests = Buffer.concat(names.map(sha256Bytes))
  const have = new Bitmap(names.length)

  const nameOf = (index: number): Sha256 | undefined =>
    Number.isInteger(index) && index >= 0 && index < names.length
      ? sha256FromBytes(digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES))
      : undefined

  const indexOf = (sha256: Sha256): number | undefined => {
    const digest = sha256Bytes(sha256)
    let at = digests.indexOf(digest)
    while (at >= 0 && at % DIGEST_BYTES !== 0) at = digests.indexOf(digest, at + 1)
    return at < 0 ? undefined : at / DIGEST_BYTES
  }

  const fill = async (blobs: BlobFiles): Promise<void> => {
    for (let from = 0; from < have.length; from += LOOKUP) {
      const indexes = Array.from({ length: Math.min(LOOKUP, have.length - from) }, (_, at) => from + at)
      const found = await blobs.hasMany(indexes.map((index) => nameOf(index)).filter((name) => name !== undefined))
      for (const [at, isHere] of found.entries()) if (isHere) have.set(from + at)
    }
  }

  return { have, nameOf, indexOf, fill }
}
