import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type BlobStore,
  type Control,
  type Library,
  MeshError,
  type NodeId,
  type NodeStatus,
  type Publisher,
  type PullRequest,
  type PullResult,
  type RepoSpec,
  type TaskProgress,
  type TaskResult,
  isMeshError,
  parseRepoSpec,
  repoKey,
} from '@hubmesh/content'
import { placeFiles } from './place.ts'

export interface ControlComponents {
  readonly library: Library
  readonly blobs: BlobStore
  /** Absent on an office. */
  readonly origin?: Publisher | undefined
  id(): NodeId
  status(): Promise<NodeStatus>
  ticket(): string
}

/** The catalogs of a node that has just joined need a moment: so long does a pull wait until its repo can be known. */
const KNOWN_WITHIN_MS = 60_000
const ASK_AGAIN_MS = 500
/** A pull outlives its sources; but when nothing at all has come for so long, it says so and ends. */
const STALLED_AFTER_MS = 10 * 60_000

/** What the control socket offers, put together from the rooms. */
export const createControl = (components: ControlComponents): Control => ({
  id: () => components.id(),
  status: () => components.status(),
  ticket: async () => components.ticket(),
  pull: (request, options) => pull(components, request, options),
  publish: async ({ directory, spec, message }, { signal, onProgress }) => {
    const { origin } = components
    if (origin === undefined) {
      throw new MeshError('usage', 'only a seed publishes', {
        hint: 'start this node with `hubmesh up --seed`, or publish at the seed',
      })
    }
    const repo = oneRef(parseRepoSpec(spec), 'publish')
    const ref = repo.ref ?? 'main'
    const result = await origin.publish(
      { directory: resolve(directory), repo: { type: repo.type, id: repo.id }, ref, message },
      { signal, onProgress },
    )
    return { repo: repoKey(repo), ...result }
  },
})

type TaskOptions = Parameters<Control['pull']>[1]

const pull = async (components: ControlComponents, request: PullRequest, options: TaskOptions): Promise<TaskResult> => {
  const spec = oneRef(parseRepoSpec(request.spec), 'pull')
  const stall = watchForStall(options.signal)
  try {
    const report = (progress: TaskProgress): void => {
      stall.saw(progress)
      options.onProgress(progress)
    }
    const inner = { signal: stall.signal, onProgress: report }
    await syncFirst(components, spec, inner)
    const result = await fetchAll(components, { request, spec }, inner)
    const summary = {
      repo: repoKey(spec),
      revision: result.snapshot.revision,
      files: result.files,
      bytes: result.bytes,
    }
    if (request.to === undefined) return summary
    const to = resolve(request.to)
    const { replaced } = await placeFiles(result.entries, {
      to,
      copy: request.copy,
      signal: options.signal,
      open: (sha256) => components.blobs.open(sha256),
    })
    return { ...summary, to, replaced }
  } finally {
    stall.stop()
  }
}

/** A seed looks upstream first. What it holds it gives all the same when upstream is away. */
const syncFirst = async (
  { origin, library }: ControlComponents,
  spec: RepoSpec,
  options: TaskOptions,
): Promise<void> => {
  if (origin === undefined) return
  try {
    await origin.sync(spec, options)
  } catch (error) {
    options.signal.throwIfAborted()
    try {
      await library.resolve(spec, spec.ref ?? 'HEAD', options)
    } catch {
      throw error // why upstream did not give it says more than that it is not here
    }
  }
}

const fetchAll = async (
  { library }: ControlComponents,
  { request, spec }: { request: PullRequest; spec: RepoSpec },
  { signal, onProgress }: TaskOptions,
): Promise<PullResult> => {
  const giveUpAt = performance.now() + KNOWN_WITHIN_MS
  const { include, exclude } = request
  for (;;) {
    try {
      return await library.pull(spec, spec.ref ?? 'HEAD', {
        signal,
        include,
        exclude,
        onProgress: (progress) => onProgress({ stage: 'fetching', ...progress }),
      })
    } catch (error) {
      if (!isMeshError(error, 'not-ready') || performance.now() > giveUpAt) throw error
      onProgress({ stage: `waiting: ${error.message}`, files: 0, filesDone: 0, bytes: 0, bytesDone: 0 })
      await sleep(ASK_AGAIN_MS, undefined, { signal })
    }
  }
}

const oneRef = (spec: RepoSpec, command: string): RepoSpec => {
  if (spec.ref?.includes('*') !== true) return spec
  throw new MeshError('usage', `${command} takes one ref, not a pattern`, { hint: 'for example owner/name@main' })
}

interface StallWatch {
  readonly signal: AbortSignal
  saw(progress: TaskProgress): void
  stop(): void
}

const watchForStall = (outer: AbortSignal): StallWatch => {
  const stalled = new AbortController()
  const give = (): void =>
    stalled.abort(
      new MeshError('not-ready', `nothing has arrived for ${STALLED_AFTER_MS / 60_000} minutes`, {
        hint: '`hubmesh peers` shows who is connected; what came so far is kept, so pull again later',
      }),
    )
  let last = ''
  let timer = setTimeout(give, STALLED_AFTER_MS)
  return {
    signal: AbortSignal.any([outer, stalled.signal]),
    saw: ({ bytesDone, filesDone }) => {
      const now = `${bytesDone} ${filesDone}`
      if (now === last) return
      last = now
      clearTimeout(timer)
      timer = setTimeout(give, STALLED_AFTER_MS)
    },
    stop: () => clearTimeout(timer),
  }
}
