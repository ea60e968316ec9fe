import { type Log, type NodeStatus, silentLog, zeroCounters } from '@hubmesh/content'
import { type Gateway, type GatewayOptions, createGateway } from '../../src/index.ts'
import { type TestLibrary, createTestLibrary } from './library.ts'

export interface RunningGateway {
  readonly library: TestLibrary
  readonly gateway: Gateway
  readonly url: string
  readonly port: number
  /** What the node would say of itself; change it at will. */
  readonly status: NodeStatus
}

export const startGateway = async (
  options: Partial<GatewayOptions> = {},
  log: Log = silentLog,
): Promise<RunningGateway> => {
  const library = createTestLibrary()
  const status = testStatus()
  const gateway = createGateway(
    { library, status: async () => status, ready: () => status.ready, log },
    { host: '127.0.0.1', port: 0, ...options },
  )
  const { url } = await gateway.start()
  return { library, gateway, url, port: Number(new URL(url).port), status }
}

const testStatus = (): NodeStatus => ({
  peerId: '12D3KooWTest',
  publisherId: '12D3KooWTest',
  role: 'peer',
  site: 'here',
  version: '0.1.0',
  uptime: 1,
  ready: { ready: true, reasons: [] },
  addresses: [],
  peers: [],
  repos: [],
  transfers: [],
  store: { bytes: 0, quota: null, blobs: 0 },
  counters: zeroCounters(),
  wanCopies: null,
  caps: { upload: { total: 1e6 }, download: {} },
  refusals: [],
  mirrors: [],
})
