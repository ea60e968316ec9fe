/**
 * What tests stand on: a sample Hub, repos made by code, in-memory stores, and the suites that every store has to pass.
 *
 *     const hub = await createSampleHub()
 *     await hub.addRepo('owner/name', { files: { 'README.md': '# Hello' } })
 *     blobStoreSuite('memory', async () => createMemoryStore())
 */
export * from './exposition.ts'
export * from './fixtures/build-repo.ts'
export * from './fixtures/flip-bit.ts'
export * from './fixtures/pseudo-random.ts'
export * from './fixtures/sample-repo.ts'
export * from './fixtures/sample-repos.ts'
export * from './fixtures/tiny-bert.ts'
export * from './fixtures/tiny-sayings.ts'
export * from './fixtures/tiny-sovits.ts'
export * from './memory/store.ts'
export * from './sample-hub/compare.ts'
export * from './sample-hub/content.ts'
export type { Fault, FaultKind, Faults, HubRoute } from './sample-hub/faults.ts'
export { lfsPointer } from './sample-hub/git.ts'
export type { RequestRecord } from './sample-hub/ledger.ts'
export type {
  CommitOptions,
  FileChanges,
  HubCommit,
  HubFile,
  HubFolder,
  HubRevision,
  RepoOptions,
} from './sample-hub/repo.ts'
export * from './sample-hub/sample-hub.ts'
export type { HubUser } from './sample-hub/state.ts'
export * from './suites/blob-store.ts'
export * from './suites/block-store.ts'
export * from './suites/catalog-store.ts'
export * from './suites/chunk-shelf.ts'
export * from './suites/samples.ts'
export type { OpenStore } from './suites/store-under-test.ts'
