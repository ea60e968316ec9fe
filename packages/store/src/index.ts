/**
 * What this node keeps on its disk: blobs, the partials they grow in, structured blocks, and what it believes.
 *
 *     const store = await openStore({ home: '/home/me/.hubmesh', log, meter })
 *     const partial = await store.blobs.openPartial(plan)
 *     await partial.putChunk(0, verify([received], sha256))
 *     await store.close()
 */
export { type Store, type StoreOptions, openStore } from './store.ts'
