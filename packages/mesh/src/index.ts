/**
 * The other nodes: who is there, what they announce, blocks and chunks from them, and the same for them from here.
 *
 *     const mesh = await createMesh({ privateKey, blocks, shelf, catalogs, log, meter }, options)
 *     await mesh.start()
 *     const { bytes } = await mesh.fetch(want, { priority: 'reader', signal })
 */
export { type MeshComponents, type MeshOptions, createMesh } from './create-mesh.ts'
