import { KIB, MAX_BLOCK_BYTES, MIB } from '@hubmesh/content'
import type { TrialRules } from './schedule/trial.ts'

/** Bounds, windows and waits of the mesh, in bytes and milliseconds unless the name says otherwise. */

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE

// --- Streams

/** What one stream may have under way: 1 Gbit/s over 100 ms needs 12.5 MB. */
export const STREAM_WINDOW = 16 * MIB
/** What a stream of chunks begins with: round trips of 20 ms at 200 MB/s. */
export const BULK_WINDOW = 4 * MIB
/** Header of a frame: 64 signatures, or 1 024 indexes, fit. */
export const MAX_HEADER_BYTES = 16 * KIB
/** A header, its length, and a payload: a chunk, a block, or a piece of a bitmap. */
export const MAX_FRAME_BYTES = MAX_BLOCK_BYTES + MAX_HEADER_BYTES + 2
/** A request has no payload. */
export const MAX_REQUEST_BYTES = MAX_HEADER_BYTES + 2
/** Frames that are taken in before other streams get their turn: small ones cost more than their bytes. */
export const FRAMES_PER_TURN = 64
/** Bytes from which on memory is freed as soon as it is of no more use: less is not worth the trouble. */
export const OWNED_BYTES = 16 * KIB
/** Bytes that a reader of answers takes in before it holds the sender back. */
export const READ_HIGH = MIB
/** The same for a reader of requests, which are small. */
export const REQUEST_READ_HIGH = 64 * KIB
/** Unread bytes of all exchange streams of the process together; above it the greediest peer's streams are reset. */
export const MAX_UNREAD_BYTES = 64 * MIB
/** Exchange streams that one peer may hold open to us: it needs five, and again as many when its line was cut without a word. */
export const MAX_STREAMS_PER_PEER = 10
/** Characters of the name of a site, which every hello tells. */
export const MAX_SITE_LENGTH = 64
/** A stream's first frame must have come by then. */
export const HELLO_TIMEOUT = 5 * SECOND
export const DIAL_TIMEOUT = 5 * SECOND

// --- Serving

/** Requests of one stream that wait; more are left unread, which holds the asker back. */
export const MAX_QUEUED_REQUESTS = 256
/** Sets that one stream may have open. */
export const MAX_OPEN_SETS = 256
/** Streams that chunks are sent on at a time: at 2 MiB of buffers each. */
export const MAX_UPLOADS = 48
/** How many of them are for those alone that somebody reads. */
export const READER_UPLOADS = 8
/** Streams that wait for their turn; others are told `busy`. */
export const MAX_WAITING_UPLOADS = 256
/** So long a stream waits for its turn before it is told `busy`: an asker counts on bytes within 2 s. */
export const MAX_SLOT_WAIT = 1.5 * SECOND
/** Bytes and time after which a turn is over if others wait. */
export const TURN_BYTES = 4 * MIB
export const TURN_TIME = 2 * SECOND
/** One less urgent by one step counts as if a stream had come so much later. */
export const HEAD_START = 2 * SECOND
/** While others wait, a stream has to take `MIN_GOODPUT` over such a time, or is reset. */
export const SLOT_PATIENCE = 5 * SECOND
/** How often turns are looked at. */
export const SLOT_TICK = 250
/** Longest time that `busy` tells, in seconds; so much longer the place in the line is kept. */
export const MAX_BUSY_RETRY = 60
/** What a rate cap lets through at once. */
export const BURST = 100
/** Under a rate cap a chunk goes in pieces of so many bytes. */
export const PACED_BYTES = 16 * KIB
/** Buffers of 1 MiB that a stream sends from: one is read into while the other is sent. */
export const BUFFERS_PER_UPLOAD = 2
/** What an answer may leave queued before the next one is made. */
export const WRITE_LOW = 256 * KIB
/** A stream whose reader took nothing for so long is reset: it holds buffers that others need. */
export const SEND_STALL = 30 * SECOND
/** Heads that a peer asked for and leaves unread, in bytes: it is stuck. */
export const MAX_UNSENT_HEADS = 4 * MIB
/** Additions to bitmaps are told at once, but not again within that time: to a node of our site, and to all others. */
export const HAS_DELAY = 50
export const HAS_DELAY_FAR = 300
/** Nor within so long for each stream that has the set open, up to a bound. */
export const HAS_SPACING = 1
export const MAX_HAS_DELAY = SECOND
/** Indexes of one `has`; when more have gathered, the whole bitmap is sent again. */
export const MAX_HAS_INDEXES = 1024
/** Bytes of a bitmap in one frame. */
export const HAVE_PIECE_BYTES = 512 * KIB

// --- Asking

/** Chunks of one set: what a chunk list of 1 MiB can name. */
export const MAX_SET_CHUNKS = 20_000_000
/** Bitmaps that one peer may make us keep, whole ones and those whose last piece has not come. */
export const MAX_BITMAP_BYTES_PER_PEER = 16 * MIB
/** How many bytes of bitmaps it may make us build a second, once it has used up as many as we keep. */
export const BITMAP_BYTES_PER_SECOND = MIB
/** Heads that one peer may tell at once, and a second after that: each costs a signature's check. */
export const MAX_HEADS_AT_ONCE = 1024
export const HEADS_PER_SECOND = 16
/** Chunk requests under way to one peer, whatever their size. */
export const MAX_REQUESTS_PER_PEER = 128
/** A set that nobody has wanted for so long is closed. */
export const SET_IDLE = 5 * MINUTE
/** A node that told of a chunk of a set within that time is still fetching it: one of 256 KiB takes 5 s at 50 KB/s. */
export const FETCHING_FOR = 30 * SECOND
/** So long one that has opened a set is taken for one that fetches it, whether or not it has told of a chunk. */
export const JUST_OPENED = 3 * SECOND
/** Chunks in a row that a node of our site does not bring in, though they were left to it: then nothing is, for so long. */
export const MAX_LAPSES = 8
export const LET_DOWN_FOR = 10 * SECOND
/** When all places are taken: one that was wanted for so long and that nobody has leaves its place to another. */
export const SET_TURN = 2 * SECOND
/** A request is given at least so long, and goes on while bytes come from the peer, the last one so long ago at most. */
export const MIN_DEADLINE = 2 * SECOND
/** Slowest path that is put up with, in bytes a second: under it a request fails however steadily bytes trickle. */
export const MIN_GOODPUT = 16 * KIB
/** How often late and overdue requests are looked for, and what a rate cap has let in meanwhile. */
export const TICK = 200
/** What a rate cap lets be asked for at once: nothing of it is lost between two ticks. */
export const ASKING_BURST = 2 * TICK
/** A block is asked of the next peer too after so long. */
export const BLOCK_HEDGE = 500
export const BLOCK_TIMEOUT = 15 * SECOND
export const SIGNATURES_TIMEOUT = 3 * SECOND
/** Peers that are asked for signatures. */
export const SIGNATURE_PEERS = 8
/** Signatures of a manifest that are taken in all: what trust looks at. */
export const MAX_SIGNATURES = 64

// --- Peers

/** Connections at a time: 500 peers, some of them twice while both dial, and as many again. */
export const MAX_CONNECTIONS = 1000
/** Handshakes under way: silent sockets are in the way of others until they time out. */
export const MAX_PENDING_CONNECTIONS = 256
/** Connections that one address may open in a second: a whole office may stand behind one. */
export const CONNECTIONS_PER_SECOND = 100
/** Others that are dialled because they were discovered; beyond, they are left to dial. */
export const TARGET_PEERS = 32
/** Relays at which a node that is none takes a place. */
export const MAX_RELAYS = 2
/** Places at one relay, and connections that it passes on at a time. */
export const MAX_RELAYED = 1000
/** What one relayed connection may carry, and for how long: then it is made anew. */
export const MAX_RELAYED_BYTES = 1n << 40n
export const MAX_RELAYED_TIME = 24 * HOUR
/** A connection that nothing has come on for so long is pinged; an answer may take as long. */
export const HEARTBEAT = 15 * SECOND
/** One that bytes come on is pinged so often, for its round trip. */
export const RTT_INTERVAL = 2 * MINUTE
export const HEARTBEAT_TIMEOUT = 15 * SECOND
/** Pings in a row without an answer that end a connection. */
export const MAX_MISSED_HEARTBEATS = 4
/** Peers that are remembered for `peers()`. */
export const MAX_KNOWN_PEERS = 2000
export const FIRST_BAN = MINUTE
export const MAX_BAN = HOUR
/** Breaches of the protocol within the window that lead to a ban. */
export const MAX_BREACHES = 3
export const BREACH_WINDOW = 10 * MINUTE
/** Back-off of a peer that is silent, or whose streams break. */
export const FIRST_BACKOFF = 2 * SECOND
export const MAX_BACKOFF = MINUTE

/** Connections that one peer may hold open to us: four, and again as many when its line was cut without a word. */
export const MAX_CONNECTIONS_PER_PEER = 8
/** Connections in all above which one peer may have two: a relayed one, and the direct one in its place. */
export const MAX_CONNECTIONS_WITH_FURTHER = 200

// --- Further connections to far peers

/** When further connections to a peer are tried, how many, and when they are closed. */
export interface FarRules extends TrialRules {
  /** A peer of another site whose shortest round trip is no less is far, in ms. */
  readonly rttMs: number
  /** Further connections to one peer. */
  readonly connections: number
  /** They are closed when nothing was asked on them for so long, in ms. */
  readonly idleMs: number
}

/** At 50 ms one loss in a hundred keeps one connection under 400 KB/s, at 200 ms under 100. */
export const FAR: FarRules = {
  rttMs: 50,
  connections: 3,
  settleMs: 2 * SECOND,
  measureMs: 3 * SECOND,
  gain: 1.15,
  retryMs: 10 * MINUTE,
  idleMs: MINUTE,
}
/** Further connections that this node holds open to all peers. */
export const MAX_FURTHER_CONNECTIONS = 24
/** One on which nothing comes for so many round trips, or so long, has its requests moved to another: TCP repeats what was lost sooner. */
export const STILL_ROUND_TRIPS = 6
export const STILL_AFTER = SECOND

// --- Announcing

/** Validity of a provider record, and within what time each is told again: then there are 20 minutes to try again. */
export const PROVIDER_VALIDITY = 2 * HOUR
export const PROVIDER_RENEWAL = 100 * MINUTE
/** So many records are told at once; then with a pause, as each is some dozen messages. */
export const QUICK_TELLS = 32
export const TELL_PAUSE = 100
/** What kad-dht renews itself: records that are good for less than that, which none of ours is. It looks so often. */
export const PROVIDER_THRESHOLD = 5 * MINUTE
export const PROVIDER_INTERVAL = 10 * MINUTE
/** Heads are put into the DHT again so often: its records live 48 hours, and nobody else repeats them. */
export const HEAD_PUT_INTERVAL = 4 * HOUR
/** Our own head is gossiped again, and others' records are looked up again, so often. */
export const HEAD_REPEAT_INTERVAL = 10 * MINUTE
/** Gossip messages that one author may publish at once, and as many again in a minute. */
export const GOSSIP_PER_AUTHOR = 60
/** The same for all authors together: anyone may be as many authors as he likes. */
export const GOSSIP_IN_ALL = 1200
/** What gossipsub takes in one piece: some heads, and its own control messages. */
export const MAX_GOSSIP_BYTES = 64 * KIB
/** Publishers whose highest head is remembered. */
export const MAX_PUBLISHERS = 1024
export const DHT_TIMEOUT = 10 * SECOND
/** Providers that one search dials. */
export const MAX_PROVIDERS_DIALLED = 8
/** Searches for providers at a time: each is some dozen messages. */
export const MAX_SEARCHES = 8

// --- Closing

/** What uploads under way may still take at the end. */
export const UPLOAD_GRACE = 2 * SECOND
