/**
 * Revisions and files, from whatever has them: judges what is announced, follows it, and fetches what is read or pulled.
 *
 *     const library = createLibrary({ blobs, blocks, catalogs, swarm, source, log, meter }, { policy, publisherId })
 *     await library.start()
 *     const snapshot = await library.resolve({ type: 'model', id: 'owner/name' }, 'main', { signal })
 *     const file = await snapshot.entry('config.json', { signal })
 */
export { type LibraryComponents, type LibraryOptions, type RunningLibrary, createLibrary } from './library.ts'
export type { Limits } from './limits.ts'
export type { Follow } from './resolve.ts'
