import type { ServerResponse } from 'node:http'
import type { Route } from '../http/route.ts'
import type { Metric } from './exposition.ts'
import { type Histogram, createHistogram } from './histogram.ts'

/** What a request is for, as far as whoever watches the gateway tells it apart. */
type RouteClass = 'file' | 'block' | 'api' | 'own' | 'other'

const CLASS_OF: { readonly [Kind in Route['kind']]: RouteClass } = {
  resolve: 'file',
  raw: 'file',
  plain: 'file',
  ipfs: 'block',
  info: 'api',
  tree: 'api',
  'paths-info': 'api',
  refs: 'api',
  commits: 'api',
  list: 'api',
  sums: 'api',
  'check-update': 'api',
  'lfs-batch': 'api',
  'auth-check': 'api',
  discussions: 'other',
  'xet-token': 'other',
  whoami: 'other',
  'agent-harnesses': 'other',
  telemetry: 'other',
  healthz: 'own',
  readyz: 'own',
  status: 'own',
  metrics: 'own',
  openapi: 'own',
  git: 'other',
  'no-repo': 'other',
  unknown: 'other',
}

/** Seconds to the last byte: from what is at hand to files that come over a slow path. */
const DURATION_BOUNDS = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 600]

/** Counts requests when their answers have gone, or their connections. */
export interface RequestMeter {
  watch(kind: Route['kind'], response: ServerResponse): void
  metrics(): Metric[]
}

interface Counted {
  /** Status -> requests. Few: every answer is one of ours. */
  readonly codes: Map<string, number>
  readonly durations: Histogram
  cut: number
}

export const createRequestMeter = (): RequestMeter => {
  const classes = new Map<RouteClass, Counted>()

  const countedOf = (name: RouteClass): Counted => {
    const known = classes.get(name)
    if (known !== undefined) return known
    const fresh: Counted = { codes: new Map(), durations: createHistogram(DURATION_BOUNDS), cut: 0 }
    classes.set(name, fresh)
    return fresh
  }

  return {
    watch: (kind, response) => {
      const startedAt = performance.now()
      response.once('close', () => {
        const counted = countedOf(CLASS_OF[kind])
        const code = response.headersSent ? String(response.statusCode) : 'none'
        counted.codes.set(code, (counted.codes.get(code) ?? 0) + 1)
        counted.durations.observe((performance.now() - startedAt) / 1000)
        if (response.headersSent && !response.writableFinished) counted.cut += 1
      })
    },
    metrics: () => {
      const all = [...classes]
      return [
        {
          name: 'hubmesh_gateway_requests_total',
          type: 'counter',
          help: 'Requests by kind of route and status; none where the client left before an answer.',
          samples: all.flatMap(([name, { codes }]) =>
            [...codes].map(([code, value]) => ({ labels: { class: name, code }, value })),
          ),
        },
        {
          name: 'hubmesh_gateway_cut_answers_total',
          type: 'counter',
          help: 'Answers that ended before their last byte: the client left, or the bytes did not come.',
          samples: all.map(([name, { cut }]) => ({ labels: { class: name }, value: cut })),
        },
        {
          name: 'hubmesh_gateway_request_duration_seconds',
          type: 'histogram',
          help: 'From a request to the last byte of its answer.',
          samples: all.flatMap(([name, { durations }]) => durations.samples({ class: name })),
        },
      ]
    },
  }
}
