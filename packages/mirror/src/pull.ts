import {
  type FileEntry,
  type Library,
  type PullProgress,
  type RepoRef,
  type Snapshot,
  type Swarm,
  globMatcher,
  isFile,
} from '@hubmesh/content'
import type { FetchFiles } from './fetch-files.ts'
import { type Limits, PROGRESS_MS } from './limits.ts'
import { type Resolve, type Resolved, siteRefOf } from './resolve.ts'
import type { Site } from './site.ts'
import { notReady, untilReady, withDeadline } from './waits.ts'

interface Components {
  readonly resolve: Resolve
  readonly site: Site
  readonly fetchFiles: FetchFiles
  readonly swarm: Swarm
  readonly snapshotOf: (resolved: Resolved) => Snapshot
}

/** Fetches the newest that is offered, also where the site has not moved to it yet, and moves the ref when it is here. */
export const createPull =
  (
    { resolve, site, fetchFiles, swarm, snapshotOf }: Components,
    { limits, signal: life }: { limits: Limits; signal: AbortSignal },
  ): Library['pull'] =>
  async (repo, revision, { signal: asked, include, exclude, onProgress }) => {
    const signal = AbortSignal.any([asked, life])
    const matches = globMatcher(include, exclude)
    const resolved = await patientResolve(repo, revision, signal)
    const { target, accepted, names, ref } = resolved
    const listing = await untilReady(() => accepted.listing(signal), { swarm, signal })
    const entries = listing.entries.filter(isFile).filter((file) => matches(file.path))
    const isAll = (include ?? []).length === 0 && (exclude ?? []).length === 0
    for (const name of names) await site.use(target.repo, name, siteRefOf(target))
    await site.hold(target.repo, isAll ? 'all' : entries.map((file) => file.path))

    const standing = async (ref: string) => (await site.repo(target.repo)).standing.get(ref)
    const before = ref === undefined ? undefined : await standing(ref)
    const count = createCount(entries, onProgress)
    await fetchFiles({ ...target, listing }, entries, { priority: 'whole', signal, ...count })
    if (ref !== undefined && (await standing(ref)) === before) await site.move(target.repo, ref, siteRefOf(target))
    return { ...count.finish(), snapshot: snapshotOf(resolved), entries }

    /** Who pulls waits: a peer may only just have been found. */
    function patientResolve(repo: RepoRef, revision: string, signal: AbortSignal): Promise<Resolved> {
      let last: unknown
      const attempt = (signal: AbortSignal): Promise<Resolved> =>
        resolve.revision(repo, revision, { signal, newest: true }).catch((error: unknown) => {
          last = error
          throw error
        })
      return withDeadline((signal) => untilReady(() => attempt(signal), { swarm, signal }), {
        signal,
        ms: limits.pullMs,
        late: () => last ?? notReady('the revision did not come in time'),
      })
    }
  }

interface Count {
  onBytes(bytes: number): void
  onFile(): void
  finish(): PullProgress
}

/** Progress, told a few times a second and at the end. */
const createCount = (entries: readonly FileEntry[], onProgress: (progress: PullProgress) => void = () => {}): Count => {
  const files = entries.length
  const bytes = entries.reduce((sum, file) => sum + file.size, 0)
  let [filesDone, bytesDone, told] = [0, 0, 0]
  const progress = (): PullProgress => ({ files, filesDone, bytes, bytesDone })
  const tell = (): void => {
    if (performance.now() - told < PROGRESS_MS) return
    told = performance.now()
    onProgress(progress())
  }
  return {
    onBytes: (more) => {
      bytesDone += more
      tell()
    },
    onFile: () => {
      filesDone += 1
      tell()
    },
    finish: () => {
      onProgress(progress())
      return progress()
    },
  }
}
