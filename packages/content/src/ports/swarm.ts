import type { Block, Cid } from '../block.ts'
import type { Sha256, VerifiedBytes } from '../digest.ts'
import type { PeerStatus } from '../status.ts'
import type { Signature } from './catalogs.ts'

/** The other nodes: who is there, what they announce, and structured blocks by CID. */
export interface Swarm {
  readonly peerId: string
  start(): Promise<void>
  /** Says goodbye, lets uploads end for a moment, closes. */
  stop(): Promise<void>
  /** Full multiaddrs with `/p2p/<peer id>`, without loopback where others exist. */
  addresses(): string[]
  /** Everyone seen since the start. */
  peers(): PeerStatus[]
  /** The farthest kind of node that is connected: where bytes that are not here come from at worst. A seed is beyond other peers. */
  farthest(): 'site' | 'peer' | 'seed' | undefined
  /** Spreads a sealed catalog head: gossip, the DHT record, and every connected peer is told. */
  announce(envelope: Uint8Array): Promise<void>
  /** Called with each sealed head that is heard, unjudged; may repeat. Returns the way to stop. */
  onHead(listener: (envelope: Uint8Array, from: string) => void): () => void
  /** Called when a peer has connected and can be asked, and when it is gone. */
  onPeer(listener: (peerId: string, connected: boolean) => void): () => void
  /** Says that this node has chunks of the manifest; repeated until withdrawn. Returns at once. */
  provide(manifest: Cid): void
  withdraw(manifest: Cid): void
  /** @throws MeshError `not-ready` when nobody in reach has it */
  fetchBlock(cid: Cid, options: { signal: AbortSignal; hint?: string }): Promise<Block>
  /** Signatures that peers know for a manifest, unjudged. Empty when nobody answers. */
  fetchSignatures(manifest: Cid, options: { signal: AbortSignal }): Promise<readonly Signature[]>
  /** Addresses that this node is to be connected to and is not, or that cannot be asked, with the likely reason. */
  unreached(): Unreached[]
  /** Dials an address; kept as a bootstrap address. @throws MeshError `unreachable` */
  dial(address: string, signal: AbortSignal): Promise<void>
}

export interface Unreached {
  readonly address: string
  /** In words that an operator can act on. */
  readonly reason: string
}

/** A chunk by its place: index in a chunk list, or among a manifest's singles when `set` is the manifest itself. */
export interface ChunkWant {
  /** The manifest it belongs to: its providers are looked for. */
  readonly manifest: Cid
  readonly set: Cid
  readonly index: number
  readonly sha256: Sha256
  readonly length: number
}

/**
 * A reader waits for `reader` chunks, and soon will for those `ahead`, in the order in which they were asked for. Somebody waits
 * for the `whole` that a chunk is a part of, in whatever order it comes; `prefetch` fills what is left. Lower is sooner.
 */
export const PRIORITIES = ['reader', 'ahead', 'whole', 'prefetch'] as const
export type Priority = (typeof PRIORITIES)[number]

export interface FetchedChunk {
  /** Not to be asked for after the release. */
  readonly bytes: VerifiedBytes
  readonly from: string
  readonly sameSite: boolean
  /** It is stored, or dropped. Until then its bytes lie in memory, and too many of them hold the source back. */
  release(): void
}

export interface FetchOptions {
  readonly priority: Priority
  readonly signal: AbortSignal
  /**
   * Until a reader who is on its way to the chunk is there: in ms from the moment at which it is asked, often; Infinity while
   * that cannot be said. What would come later is fetched as if the reader waited for it. Without it there is time.
   */
  readonly dueMs?: (() => number) | undefined
}

/** Where missing chunks come from. The mesh is one; what it costs and which site it is in is the source's own concern. */
export interface ChunkSource {
  /** Chunks of the set will be wanted in a moment: peers are asked now what they have of it. */
  prepare(set: Cid): void
  /**
   * The chunk, verified, from whichever peer gives it soonest; other peers are tried when one fails, lies or is silent.
   * Waits while no peer has it, until the signal ends.
   */
  fetch(want: ChunkWant, options: FetchOptions): Promise<FetchedChunk>
  /** What is fetched is wanted sooner now. What is on its way already stays on it. */
  raise(want: ChunkWant, priority: Priority): void
  /** What can be expected for a set: seconds until a chunk of `length` bytes may be here, or undefined when nobody in reach has it. */
  outlook(want: ChunkWant): number | undefined
}
