import type { Priority } from '@hubmesh/content'
import { MIN_GOODPUT, SECOND } from '../limits.ts'
import type { Path } from './path.ts'

/** A chunk that somebody wants. */
export interface Want {
  readonly set: string
  readonly index: number
  readonly length: number
  readonly priority: Priority
  /**
   * Until its reader is there, in ms from now, as far as can be said now: a reader goes faster, slower, and stands still.
   * Infinity while it is not known. What has none has time.
   */
  readonly dueMs?: (() => number) | undefined
}

/** One that is looked for, with all that was tried. Times are milliseconds. */
export interface Wanted extends Want {
  priority: Priority
  readonly since: number
  /** Wants before it. */
  readonly turn: number
  /** Requests under way. */
  readonly asked: Request[]
  /** Peers that have failed it lately, and until when they are not asked for it. */
  readonly avoid: Map<Path, number>
  /** Peers that have it, and those before this node in its line, as of the last look. */
  holders: number
  rank: number
  /** When its reader will be there, if it comes too late for that as things go; else Infinity. */
  dueAt: number
  /** A node of our site that is to bring it in, since when it was left to one, and whether it was seen to have it by now. */
  left?: { readonly to: Path; readonly since: number; readonly isBrought: boolean }
}

/** A chunk that is asked of a peer. */
export interface Request {
  readonly want: Wanted
  readonly path: Path
  /** What is at risk is asked for as what a reader waits for. */
  readonly priority: Priority
  readonly startedAt: number
  /** What the peer had sent by then, of whatever. */
  readonly heardBytes: number
  readonly expectedAt: number
  readonly lateAt: number
  /** Over when this is past and no bytes come, or too few. */
  readonly deadline: number
  /** Over, however slowly bytes come. */
  readonly end: number
}

export const newWanted = (want: Want, since: number, turn: number): Wanted => ({
  ...want,
  since,
  turn,
  asked: [],
  avoid: new Map(),
  holders: 0,
  rank: 0,
  dueAt: Infinity,
})

/** A reader waits for it, or will soon: it is wanted in the order of reading. All else only has to come some time. */
export const isRead = ({ priority }: Want): boolean => priority === 'reader' || priority === 'ahead'

/** It was found to come too late for a reader who is on its way to it. */
export const isAtRisk = ({ dueAt }: Wanted): boolean => dueAt < Infinity

/** A reader waits for it, or would have to. */
export const isUrgent = (want: Wanted): boolean => want.priority === 'reader' || isAtRisk(want)

export const isAvoided = ({ avoid }: Wanted, path: Path, now: number): boolean =>
  avoid.size > 0 && (avoid.get(path) ?? 0) > now

/**
 * Told by all that comes from the peer: of a chunk, a stream shows nothing before all of it is here.
 * @param silence ms after which a peer that sends nothing at all is not taken to send the chunk
 */
export const isComing = ({ path, startedAt, heardBytes }: Request, now: number, silence: number): boolean =>
  now - path.heardAt <= silence && path.heardBytes - heardBytes > (MIN_GOODPUT * (now - startedAt)) / SECOND
