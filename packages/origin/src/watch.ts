import {
  type Log,
  MeshError,
  type MirrorStatus,
  type RepoRef,
  type RepoSpec,
  type SyncProgress,
  isMeshError,
  repoKey,
} from '@hubmesh/content'
import { type BackOff, backOffMs } from './http/retry.ts'
import type { Sync } from './sync/sync.ts'

/**
 * What keeps looking at upstream. A rule is a repo and its refs; what else a job may say (patterns, schedules, audiences), and
 * webhooks, which only need to call `nudge`, have their place here.
 */
export interface Watch {
  /** Adds a rule, once. Returns at once. */
  add(spec: RepoSpec): void
  nudge(repo: RepoRef): void
  state(): MirrorStatus[]
  start(): void
  stop(): Promise<void>
}

export interface WatchComponents {
  readonly sync: Sync
  /** Leaves a failure in the catalog. `isMissing`: upstream says that there is no such thing. */
  readonly noteFailure: (repo: RepoRef, failure: { isMissing: boolean }) => Promise<void>
  readonly log: Log
}

interface Rule {
  readonly spec: RepoSpec
  status: MirrorStatus
  failures: number
  /** Ends the wait for the next look. */
  wake: () => void
  /** Somebody asked for a look while one was under way. */
  isNudged: boolean
}

/** Failures in a row: from this on … */
const FIRST_RETRY_MS = 5000
/** … up to this, or the usual time between two looks where that is longer. */
const LAST_RETRY_MS = 15 * 60_000
/** Longer timers end at once. */
const MAX_TIMER_MS = 2 ** 31 - 1
/** A look comes up to this part sooner or later than the rule says: seeds of one Hub must not fall into step. */
const JITTER = 0.2

export const createWatch = (
  { sync, noteFailure, log }: WatchComponents,
  { pollSeconds }: { pollSeconds: number },
): Watch => {
  const rules = new Map<string, Rule>()
  const stopped = new AbortController()
  const loops = new Set<Promise<void>>()
  const backOff: BackOff = {
    baseMs: Math.min(FIRST_RETRY_MS, pollSeconds * 1000),
    maxMs: Math.max(LAST_RETRY_MS, pollSeconds * 1000),
  }
  let isStarted = false

  /** One look. @returns milliseconds until the next */
  const look = async (rule: Rule): Promise<number> => {
    rule.isNudged = false
    try {
      const onProgress = (progress: SyncProgress): void => setStatus(rule, statusOf(progress))
      const { ref, revision = null } = await sync(rule.spec, { signal: stopped.signal, onProgress })
      rule.failures = 0
      const { error: _, ...status } = rule.status
      rule.status = { ...status, ref, revision, state: 'idle', lastCheck: new Date().toISOString() }
      return pollSeconds * 1000 * (1 - JITTER + 2 * JITTER * Math.random())
    } catch (error) {
      if (stopped.signal.aborted) return 0
      rule.failures += 1
      setStatus(rule, { state: 'failed', lastCheck: new Date().toISOString(), error: describe(error) })
      const wait = Math.max(backOffMs(rule.failures, backOff), retryAfterMs(error))
      log.warn(
        { repo: rule.status.repo, seconds: Math.round(wait / 1000), error },
        'a mirror failed; it is tried again',
      )
      await noteFailure(rule.spec, { isMissing: isMissing(error) })
      return wait
    }
  }

  const follow = async (rule: Rule): Promise<void> => {
    while (!stopped.signal.aborted) {
      const wait = await look(rule).catch((error: unknown) => {
        log.error({ repo: rule.status.repo, error }, 'a failed mirror could not be noted in the catalog')
        return backOff.maxMs
      })
      if (!rule.isNudged) await waitFor(rule, wait, stopped.signal)
    }
  }

  const begin = (rule: Rule): void => {
    const loop = follow(rule)
    loops.add(loop)
  }

  return {
    add: (spec) => {
      const key = `${repoKey(spec)}@${spec.ref ?? ''}`
      if (rules.has(key)) return
      const rule = createRule(spec)
      rules.set(key, rule)
      if (isStarted) begin(rule)
    },
    nudge: (repo) => {
      for (const rule of rules.values()) {
        if (repoKey(rule.spec) !== repoKey(repo)) continue
        rule.isNudged = true
        rule.wake()
      }
    },
    state: () => Array.from(rules.values(), ({ status }) => ({ ...status })),
    start: () => {
      if (isStarted) return
      isStarted = true
      for (const rule of rules.values()) begin(rule)
    },
    stop: async () => {
      stopped.abort(new MeshError('not-ready', 'this node is stopping'))
      await Promise.all(loops)
    },
  }
}

const createRule = (spec: RepoSpec): Rule => ({
  spec,
  status: {
    repo: repoKey(spec),
    ref: spec.ref ?? 'HEAD',
    state: 'waiting',
    revision: null,
    files: 0,
    filesDone: 0,
    bytes: 0,
    bytesDone: 0,
    lastCheck: null,
  },
  failures: 0,
  wake: () => {},
  isNudged: false,
})

/** Until the time is over, somebody nudges, or all stops. */
const waitFor = (rule: Rule, ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      rule.wake = () => {}
      resolve()
    }
    const timer = setTimeout(end, Math.min(ms, MAX_TIMER_MS))
    rule.wake = end
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })

const setStatus = (rule: Rule, change: Partial<MirrorStatus>): void => {
  rule.status = { ...rule.status, ...change }
}

/** A look that finds nothing new leaves the counts of the last pull as they are. */
const statusOf = ({ stage, ...counts }: SyncProgress): Partial<MirrorStatus> =>
  stage === 'resolving' ? { state: 'resolving' } : { state: 'pulling', ...counts }

const describe = (error: unknown): string => {
  if (!isMeshError(error)) return error instanceof Error ? error.message : 'an unknown failure'
  return error.hint === undefined ? error.message : `${error.message} (${error.hint})`
}

const isMissing = (error: unknown): boolean =>
  isMeshError(error, 'repo-not-found') || isMeshError(error, 'revision-not-found')

const retryAfterMs = (error: unknown): number => (isMeshError(error) ? (error.retryAfter ?? 0) * 1000 : 0)
