import { KIB, MIB } from '@hubmesh/content'
import { FIRST_BACKOFF, LET_DOWN_FOR, MAX_BACKOFF, MAX_LAPSES, MAX_REQUESTS_PER_PEER, SECOND } from '../limits.ts'
import { type Goodput, createGoodput } from './goodput.ts'
import { type Member, hashOf } from './rendezvous.ts'

/** The way to another node: what was measured of it, what is under way on it, and whether it is to be used now. */
export interface Path extends Member {
  /** Where the node says that it stands; empty when it does not say. */
  site: string
  /** The node stands at our site: what it gives costs nothing. */
  sameSite: boolean
  /** It leads through a relay, and costs its bandwidth: used where no other way brings the chunk. */
  relayed: boolean
  rttMs: number
  /** Streams that chunks come on side by side, each on a connection of its own. */
  streams: number
  readonly goodput: Goodput
  inFlightBytes: number
  inFlight: number
  /** Not asked for chunks before this time: it was busy, silent or broke off. */
  restUntil: number
  /** Failures in a row, for the back-off. */
  failures: number
  /** Chunks in a row that were left for it to bring into the site, and that it did not bring in time. */
  lapses: number
  /** When it last turned out to have brought in what was left to it. */
  broughtAt: number
  /** Time between two chunks that it brings in, in ms; undefined until it has brought some. */
  bringsEach: number | undefined
  /** Nothing is left for it to bring into the site before this time. */
  letDownUntil: number
  /** How long it has needed of late to bring in what was left to it, in ms, and when that was measured. */
  bringMs: number
  bringMeasuredAt: number
  /** Bytes that have come from it, of whatever they are a part, and when the last did. */
  heardBytes: number
  heardAt: number
}

/** Bounds of what is under way on one path, in bytes: the least for each of its streams, the most for all. */
const MIN_WINDOW = 512 * KIB
const MAX_WINDOW = 16 * MIB
/** What is under way is what the path gives in a round trip and so many ms more: enough that it never runs dry, and grows. */
const WINDOW_MS = 250
/** Part of a window below which it is filled up again; readers' chunks do not wait for that. */
const LOW_PART = 0.75
/** Under this rate one chunk is asked at a time on a stream, so that a reader's never waits behind others. */
const SLOW_PATH = 128 * KIB
/** What an unmeasured peer is taken for once something is under way to it. */
const UNMEASURED = MIB

export const createPath = (peerId: string): Path => ({
  peerId,
  hash: hashOf(peerId),
  site: '',
  sameSite: false,
  relayed: false,
  rttMs: 0,
  streams: 1,
  goodput: createGoodput(),
  inFlightBytes: 0,
  inFlight: 0,
  restUntil: 0,
  failures: 0,
  lapses: 0,
  broughtAt: -Infinity,
  bringsEach: undefined,
  letDownUntil: 0,
  bringMs: 0,
  bringMeasuredAt: -Infinity,
  heardBytes: 0,
  heardAt: 0,
})

/**
 * The expected time until a chunk is here: the round trip, then all that is under way and the chunk itself, at the rate of
 * its own stream alone where there are several.
 */
export const expectedMs = (path: Path, length: number, now: number): number => {
  // One that was never measured is worth one try: it may be the fastest.
  if (path.inFlight === 0 && path.goodput.estimate(now) === undefined) return path.rttMs
  return path.rttMs + transferMs(path, path.inFlightBytes + length * path.streams, now)
}

/** The time in which it gives so many bytes. */
export const transferMs = (path: Path, bytes: number, now: number): number =>
  (bytes / (path.goodput.estimate(now) ?? UNMEASURED)) * SECOND

/** What more may be asked of a path: `some` is less than is worth a message, and for readers alone. */
export type Room = 'none' | 'some' | 'enough'

/** Several are asked for at once, when a part of the window is free: one at a time is a message and a system call for each. */
export const roomOf = (path: Path, now: number): Room => {
  if (path.restUntil > now || path.inFlight >= MAX_REQUESTS_PER_PEER) return 'none'
  const rate = path.goodput.estimate(now)
  if (rate !== undefined && rate < SLOW_PATH * path.streams) return path.inFlight < path.streams ? 'enough' : 'none'
  const window = windowOf(path, rate)
  if (path.inFlightBytes >= window) return 'none'
  return path.inFlightBytes <= LOW_PART * window ? 'enough' : 'some'
}

const windowOf = ({ rttMs, streams }: Path, rate: number | undefined): number => {
  const least = MIN_WINDOW * streams
  return rate === undefined ? least : Math.min(MAX_WINDOW, Math.max(least, (rate * (rttMs + WINDOW_MS)) / SECOND))
}

/** It rests longer each time. All that was under way fails at once when a stream breaks: that is one failure. */
export const rest = (path: Path, now: number): void => {
  if (path.restUntil > now) return
  path.restUntil = now + Math.min(FIRST_BACKOFF * 2 ** path.failures, MAX_BACKOFF)
  path.failures += 1
}

/** One that merely is a little late goes on bringing in its part; one that brings in nothing is soon known. */
export const onLapse = (path: Path, now: number): void => {
  path.lapses += 1
  if (path.lapses < MAX_LAPSES) return
  path.lapses = 0
  path.letDownUntil = now + LET_DOWN_FOR
}
