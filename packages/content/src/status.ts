import type { RepoType } from './repo.ts'

/** What `GET /-/api/status` and `hubmesh status --json` tell. Bytes are integers, rates bytes/s, times seconds, RTT ms. */
export interface NodeStatus {
  peerId: string
  publisherId: string
  role: 'seed' | 'peer'
  site: string
  version: string
  uptime: number
  ready: ReadyStatus
  addresses: string[]
  peers: PeerStatus[]
  repos: RepoStatus[]
  transfers: TransferStatus[]
  store: StoreStatus
  counters: Counters
  /**
   * Copies that came into this site of what this node brought in, as far as it knows: what is over 1 was wasted, or came
   * though another node of the site had it. Null before anything was brought in.
   */
  wanCopies: number | null
  /** What holds now. */
  caps: Caps
  refusals: Refusal[]
  /** What this node mirrors from upstream; empty on an office. */
  mirrors: MirrorStatus[]
}

export interface ReadyStatus {
  ready: boolean
  /** Why it is not, in words an operator can act on. */
  reasons: string[]
}

export interface PeerStatus {
  peerId: string
  site: string
  connected: boolean
  rttMs: number | null
  /** Measured while receiving from it. */
  goodput: number
  /** Chunk payload. */
  bytesIn: number
  bytesOut: number
  banned?: { until: string; reason: string }
  lastSeen: string
  addresses: string[]
}

export interface RepoStatus {
  type: RepoType
  id: string
  ref: string
  revision: string
  files: number
  bytes: number
  bytesHeld: number
  complete: boolean
  publisher: string
  /** Seconds since the ref moved. */
  age: number
  /** The publisher's catalog has expired: what is held is served, but may be old. */
  stale: boolean
  /** What the catalog offers when the site has not moved to it yet. */
  offered?: string
}

export interface TransferStatus {
  repo: string
  path: string
  bytes: number
  done: number
  rate: number
  etaSeconds: number | null
  sources: string[]
}

export interface StoreStatus {
  bytes: number
  quota: number | null
  blobs: number
}

export interface Counters {
  /** Body bytes of files received from upstream, wasted ones too. */
  upstreamBytes: number
  /** Chunk payload from outside the site. */
  wanBytes: number
  /**
   * Of it, what was proven, and no connected node of the site had said to have: summed over the nodes of a site, the bytes
   * that it needed once.
   */
  broughtBytes: number
  siteBytes: number
  /** Bytes that other blobs on this disk supplied. */
  localBytes: number
  /** Chunk payload that was proven and wanted. */
  verifiedBytes: number
  verifiedChunks: number
  rejectedChunks: number
  /** What this node passed on between others that cannot reach each other. */
  relayedBytes: number
}

/** Rates that chunks keep to; one that is absent is not capped. A chunk keeps to all that it falls under. */
export interface ChunkCaps {
  readonly total?: number | undefined
  /** What somebody waits for: who reads, is about to read, or pulls the whole. */
  readonly readers?: number | undefined
  readonly prefetch?: number | undefined
  readonly repair?: number | undefined
  /** Whatever goes to another site, or comes from one. */
  readonly otherSites?: number | undefined
}

/** The rates that this node keeps to at a time. */
export interface Caps {
  /** Chunks that it sends to other nodes. */
  readonly upload: ChunkCaps
  /** Chunks that it asks other nodes for. */
  readonly download: ChunkCaps
  /** Bodies of files from upstream. */
  readonly upstream?: number | undefined
  /** What it passes on between others, in all. */
  readonly relayed?: number | undefined
}

export const zeroCounters = (): Counters => ({
  upstreamBytes: 0,
  wanBytes: 0,
  broughtBytes: 0,
  siteBytes: 0,
  localBytes: 0,
  verifiedBytes: 0,
  verifiedChunks: 0,
  rejectedChunks: 0,
  relayedBytes: 0,
})

/** Named after the attacks in the TUF specification. */
export type RefusalKind =
  | 'signature'
  | 'untrusted'
  | 'rollback'
  | 'equivocation'
  | 'expired'
  | 'mix-and-match'
  | 'endless-data'
  | 'malformed'

/** Signed metadata that was turned away, kept as evidence. */
export interface Refusal {
  kind: RefusalKind
  publisher: string
  /** What it was about: `catalog 1790000000000`, or a repo and revision. */
  subject: string
  reason: string
  /** Peer that sent it. */
  from: string
  at: string
}

export interface MirrorStatus {
  repo: string
  ref: string
  state: 'waiting' | 'resolving' | 'pulling' | 'idle' | 'failed'
  revision: string | null
  files: number
  filesDone: number
  bytes: number
  bytesDone: number
  lastCheck: string | null
  error?: string
}
