import { KIB, MIB } from '@hubmesh/content'

/** How long is waited for what, in milliseconds. Tests shorten them. */
export interface Limits {
  /** `resolve` waits so long for a repo that is not known yet, before it says `not-ready`. */
  readonly resolveMs: number
  /** A manifest, its signatures and its pages. */
  readonly manifestMs: number
  /** One structured block, all peers tried. */
  readonly blockMs: number
  /** From the start of a read to its first proven bytes: Hub clients hang up after 10 s of silence. */
  readonly firstByteMs: number
  /** Between two chunks of a read, or of a transfer in the background: then it has failed. */
  readonly stallMs: number
  /** A chunk that a reader waited for goes on so long after it left: a client that was told to come back finds it. */
  readonly lingerMs: number
  /** One catalog: its root and all shards that changed. */
  readonly headMs: number
  /** What failed in the background is tried again so often, and whenever a peer connects. */
  readonly retryMs: number
  /** A pull waits so long for a revision that is not known yet. */
  readonly pullMs: number
  /** Fetching the beginning of a file after a HEAD. */
  readonly warmMs: number
}

export const DEFAULT_LIMITS: Limits = {
  resolveMs: 5_000,
  manifestMs: 30_000,
  blockMs: 20_000,
  firstByteMs: 8_000,
  stallMs: 60_000,
  lingerMs: 60_000,
  headMs: 120_000,
  retryMs: 60_000,
  pullMs: 60_000,
  warmMs: 30_000,
}

/** Seconds after which a client is told to ask again when nothing better is known. */
export const RETRY_AFTER_SECONDS = 5

// --- Reading

/** Chunks that a reader has asked for, its own included: at first, and at most. */
export const FIRST_WINDOW = 2
export const MAX_WINDOW = 32
/** The same in bytes, for one reader … */
export const MAX_WINDOW_BYTES = 16 * MIB
export const MIN_WINDOW_BYTES = MIB
/** … and for all of them together, so that many readers do not fill the memory. */
export const ALL_WINDOWS_BYTES = 64 * MIB
/** How often a chunk is fetched again that the disk did not keep. */
export const MAX_READ_ATTEMPTS = 3
/** How often it is looked whether all chunks are still here while the whole is being hashed. */
export const LOOK_AGAIN_MS = 1_000
/** Chunks just received, kept for readers so that they need not be read back. */
export const RECENT_BYTES = 32 * MIB

/** A whole blob is read in buffers of this size. */
export const READ_BYTES = 256 * KIB

// --- Fetching whole files

/**
 * What is wanted at a time without a reader. Nodes of a site that fetch the same split it among them, and the part of each must
 * keep its source busy. The source holds back by itself what the disk cannot take.
 */
export const FETCH_CHUNKS = 256
export const FETCH_BYTES = 64 * MIB
/** Files with a chunk list that are fetched at a time, and files of one chunk. */
export const FETCH_LISTS = 3
export const FETCH_SINGLES = 32
/** Chunks that are looked for in other blobs at a time: 32 MiB on average, so a reader waits little for the copying. */
export const ADOPT_BATCH = 128
/** What a HEAD may cost, and how many at a time. */
export const WARM_BYTES = 4 * MIB
export const MAX_WARM = 8

// --- Metadata

/** Heads that wait to be judged; more are dropped, and heard again. */
export const MAX_INBOX = 256
export const SHARDS_AT_ONCE = 8
export const PAGES_AT_ONCE = 8
/** Entries of decoded manifests in memory, at about 400 bytes each. */
export const MAX_CACHED_ENTRIES = 200_000
export const BYTES_PER_ENTRY = 400
/** Repos whose manifests are fetched at a time in the background, and revisions whose files are. */
export const FOLLOW_REPOS = 4
export const FOLLOW_REVISIONS = 2
/** Paths that somebody asked for are written down together. */
export const HOLD_DELAY_MS = 100
/** Shortest commit sha that is looked up, as git has it. */
export const MIN_SHORT_SHA = 7
/** Refusals that are remembered so as not to be written down twice. */
export const MAX_KNOWN_REFUSALS = 1_000
export const MAX_SOURCES = 16
export const PROGRESS_MS = 100
/** What is held of a revision is counted anew after so long, whatever happened. */
export const COUNT_MS = 30_000
export const COUNTS_AT_ONCE = 64
export const MAX_COUNTED = 10_000
