/**
 * Where content enters the mesh: repos of a Hub, and folders of one's own. Pulls what is new, verifies it, signs it, offers it.
 *
 *     const origin = createOrigin({ blobs, blocks, catalogs, swarm, signer, log, meter }, { upstream: 'https://huggingface.co' })
 *     origin.mirror(parseRepoSpec('owner/name'))
 *     await origin.start()
 */
export { type OriginComponents, type OriginOptions, createOrigin } from './origin.ts'
