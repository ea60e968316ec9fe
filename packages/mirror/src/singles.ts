import { type BlobStore, type Cid, MeshError, isMeshError } from '@hubmesh/content'
import type { BlobChunks, PlacedWant, Wanted } from './chunks.ts'
import type { Flights } from './flights.ts'

const neverBroken = new AbortController().signal

/** A blob of one chunk: it has no list, its chunk set is the manifest, and its chunk's name is its own. */
export const openSingle = async (
  { blobs, flights, provide }: { blobs: BlobStore; flights: Flights; provide: (manifest: Cid) => void },
  { manifest, listing, file }: Wanted,
): Promise<BlobChunks> => {
  const { sha256, size } = file
  const index = listing.singles.get(sha256)
  if (index === undefined) throw new MeshError('bad-input', `${file.path} is not a file of one chunk of its manifest`)
  let here = await blobs.has(sha256)
  const want: PlacedWant = { manifest, set: manifest, index, sha256, length: size, start: 0 }
  /** Where the disk is full it can still be fetched, and read. */
  const adopt = async (): Promise<boolean> => {
    try {
      return await blobs.adoptBlob(sha256)
    } catch (error) {
      if (isMeshError(error, 'no-space')) return false
      throw error
    }
  }
  const found = (is: boolean): boolean => {
    if (is) provide(manifest)
    here ||= is
    return is
  }
  return {
    count: 1,
    locate: async () => 0,
    want: async () => want,
    has: () => here,
    ask: async (_, priority, dueMs) =>
      flights.ask(
        {
          key: sha256,
          want,
          find: async () => found((await blobs.has(sha256)) || (await adopt())),
          store: async ({ bytes }) => {
            await blobs.putBlob(bytes)
            found(true)
          },
        },
        priority,
        dueMs,
      ),
    stored: async () => {
      const blob = await blobs.open(sha256)
      if (blob === undefined) return undefined
      try {
        const buffer = Buffer.allocUnsafe(size)
        return (await blob.readInto(0, buffer)) === size ? [buffer] : undefined
      } finally {
        await blob.close()
      }
    },
    confirmed: async () => here,
    broken: neverBroken,
    close: () => {},
  }
}
