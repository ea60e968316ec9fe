import {
  type BlobStore,
  type BlockStore,
  type CatalogStore,
  type Log,
  type Meter,
  MeshError,
  type Publisher,
  type RepoRef,
  type Swarm,
  repoKey,
} from '@hubmesh/content'
import type { Signer } from '@hubmesh/trust'
import { createCatalogWriter } from './catalog-writer.ts'
import { createDownloads } from './download/download.ts'
import { createApi } from './hub/api.ts'
import { createHubClient } from './hub/hub-client.ts'
import type { BackOff } from './http/retry.ts'
import { createTransport } from './http/transport.ts'
import { createPublish } from './publish/publish.ts'
import { markJob } from './sync/offer.ts'
import { createPullFile } from './sync/pull-file.ts'
import { createSync } from './sync/sync.ts'
import { createWatch } from './watch.ts'

export interface OriginComponents {
  readonly blobs: BlobStore
  readonly blocks: BlockStore
  readonly catalogs: CatalogStore
  readonly swarm: Pick<Swarm, 'announce' | 'provide' | 'withdraw'>
  readonly signer: Signer
  readonly log: Log
  readonly meter: Meter
}

export interface OriginOptions {
  /** The Hub's endpoint: a plain http or https URL. */
  readonly upstream: string
  /** Sent to the upstream's own origin alone. A function is asked for each request, so that a token can change. */
  readonly token?: string | (() => Promise<string | undefined>) | undefined
  /** Seconds between two looks at a ref, give or take a fifth. @default 60 */
  readonly pollSeconds?: number | undefined
  /** For files, to one host, at once. @default 8 */
  readonly connections?: number | undefined
  /** Seconds without a byte after which a connection is given up. @default 30 */
  readonly silenceSeconds?: number | undefined
  /** Milliseconds between a failure and the next try: the first wait is doubled up to the last. @default 500 and 30 000 */
  readonly backOff?: BackOff | undefined
  /** Bytes a second of all bodies of files, asked for each piece of one. @default not capped */
  readonly cap?: (() => number | undefined) | undefined
  /** Bytes that one request asks for of a large file. @default 16 MiB */
  readonly segmentBytes?: number | undefined
}

const BACK_OFF: BackOff = { baseMs: 500, maxMs: 30_000 }

/**
 * The one room that talks to the upstream Hub. Looks start with `start`; `sync` and `publish` work without it.
 * @throws MeshError `config` for an upstream that is no plain http or https URL
 */
export const createOrigin = (components: OriginComponents, options: OriginOptions): Publisher => {
  const { blobs, blocks, catalogs, swarm, signer, log, meter } = components
  const { pollSeconds = 60, connections = 8, silenceSeconds = 30, backOff = BACK_OFF } = options
  const token = typeof options.token === 'function' ? options.token : async () => options.token as string | undefined

  const transport = createTransport(
    { log },
    { upstream: options.upstream, token, connections, silenceMs: silenceSeconds * 1000 },
  )
  const hub = createHubClient(createApi(transport, { backOff }), { base: transport.base })
  const { cap, segmentBytes } = options
  const downloads = createDownloads({ transport, meter, log }, { connections, backOff, cap, segmentBytes })
  const pullFile = createPullFile({ blobs, downloads, log })
  const catalog = createCatalogWriter({ blocks, catalogs, swarm, signer, log })
  const sync = createSync({ hub, pullFile, blobs, blocks, catalogs, signer, log, catalog, upstream: transport.base })
  const publish = createPublish({ blobs, blocks, catalogs, signer, catalog })

  /** A repo that is wanted but could not be looked at is listed, so that offices wait for it; one that is not there is not. */
  const noteFailure = async (asked: RepoRef, { isMissing }: { isMissing: boolean }): Promise<void> => {
    const repo = (await catalog.find(asked))?.repo ?? { type: asked.type, id: asked.id }
    await catalog.update(repo, (held) => {
      const isEmpty = held === undefined || Object.keys(held.revisions).length === 0
      return isMissing && isEmpty ? undefined : markJob(held, repo, 'failed')
    })
  }
  /** What its caller gave up is not on its way any more, unless a rule goes on with it: no office is to wait for it. */
  const noteGivenUp = async (asked: RepoRef): Promise<void> => {
    const repo = (await catalog.find(asked))?.repo
    if (repo === undefined || watch.state().some((rule) => rule.repo === repoKey(asked))) return
    await catalog.update(repo, (held) => {
      if (held?.job?.state !== 'pulling') return held
      return Object.keys(held.revisions).length === 0 ? undefined : markJob(held, repo, undefined)
    })
  }
  const watch = createWatch({ sync, noteFailure, log }, { pollSeconds })

  const stopping = new AbortController()
  const running = new Set<Promise<unknown>>()
  /** What is asked of the room ends when the room stops. */
  const run = async <T>(signal: AbortSignal, task: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    stopping.signal.throwIfAborted()
    const work = task(AbortSignal.any([signal, stopping.signal]))
    running.add(work)
    try {
      return await work
    } finally {
      running.delete(work)
    }
  }

  return {
    mirror: (spec) => watch.add(spec),
    nudge: (repo) => watch.nudge(repo),
    sync: async (spec, { signal, onProgress }) => {
      try {
        await run(signal, (signal) => sync(spec, { signal, onProgress }))
      } catch (error) {
        if (signal.aborted && !stopping.signal.aborted) await noteGivenUp(spec)
        throw error
      }
    },
    publish: (request, { signal, ...rest }) => run(signal, (signal) => publish(request, { signal, ...rest })),
    state: () => watch.state(),
    start: async () => {
      await catalog.start()
      watch.start()
    },
    stop: async () => {
      stopping.abort(new MeshError('not-ready', 'this node is stopping'))
      await Promise.allSettled([watch.stop(), ...running])
      await catalog.stop()
      await transport.close()
    },
  }
}
