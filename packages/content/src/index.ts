/**
 * The words of hubmesh: names, shapes, formats, errors, and the interfaces between rooms (`ports/`). No I/O, no timers.
 *
 *     const repo = parseRepoSpec('dataset:owner/name@main')
 *     const { root, pages } = encodeChunkList(CHUNKER, chunks)
 *     const bytes = verify([received], chunk.sha256)
 */
export * from './base32.ts'
export * from './bitmap.ts'
export * from './block.ts'
export * from './catalog.ts'
export * from './chunk-list.ts'
export * from './chunking/blob-pass.ts'
export * from './chunking/cutter.ts'
export * from './digest.ts'
export * from './entry.ts'
export * from './errors.ts'
export * from './globs.ts'
export * from './limits.ts'
export * from './manifest.ts'
export * from './meter.ts'
export * from './or-abort.ts'
export * from './owned-memory.ts'
export * from './paths.ts'
export * from './ranges.ts'
export * from './repo.ts'
export * from './schema.ts'
export * from './status.ts'
export * from './token-bucket.ts'
export * from './ports/blob-store.ts'
export * from './ports/blocks.ts'
export * from './ports/catalogs.ts'
export * from './ports/control.ts'
export * from './ports/library.ts'
export * from './ports/publisher.ts'
export * from './ports/runtime.ts'
export * from './ports/swarm.ts'
