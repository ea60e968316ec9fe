import { type FileEntry, type HeldPaths, isFile } from '@hubmesh/content'
import type { Listing } from './manifests.ts'

/** The files of a revision that are held by their paths. */
export const heldFiles = (listing: Listing, held: HeldPaths): FileEntry[] =>
  listing.entries.filter(isFile).filter((file) => held.all || held.paths.has(file.path))
