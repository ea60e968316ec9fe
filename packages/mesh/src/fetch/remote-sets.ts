import { Bitmap, type Cid, MeshError } from '@hubmesh/content'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { SetListener } from '../exchange/asker.ts'
import type { PeerLink } from '../exchange/link.ts'
import { type Allowance, createAllowance } from '../allowance.ts'
import {
  BITMAP_BYTES_PER_SECOND,
  FETCHING_FOR,
  HAVE_PIECE_BYTES,
  JUST_OPENED,
  MAX_BITMAP_BYTES_PER_PEER,
  MAX_OPEN_SETS,
  MINUTE,
  SECOND,
  SET_IDLE,
  SET_TURN,
  TICK,
} from '../limits.ts'

/** What other nodes have of the sets that are wanted here, as they say: it is believed until they do not give it. */
export interface RemoteSets {
  attach(link: PeerLink): void
  detach(peerId: string): void
  /** Somebody wants a chunk of the set: every linked peer is asked what it has, and tells what it gets. */
  want(set: Cid): void
  has(peerId: string, set: Cid, index: number): boolean
  /** A peer wants chunks of a set: it has opened it here. */
  opened(peerId: string, set: Cid): void
  /** It gets chunks of the set itself: it has opened it just now, or told of another chunk not long ago. */
  isFetching(peerId: string, set: Cid): boolean
  /** It did not have it after all. */
  lacks(peerId: string, set: Cid, index: number): void
  /** All linked peers have said what they have. */
  answered(set: Cid): boolean
  stop(): void
}

interface RemoteSet {
  answered: boolean
  bitmap: Bitmap | undefined
  /** When it last told of a chunk (`performance.now()`). */
  grewAt: number
  /** Bytes of a bitmap whose last piece has not come. */
  pieces: Uint8Array | undefined
  close(): void
}

interface Remote {
  readonly link: PeerLink
  /** Bytes of bitmaps that it may make us build: each is a few bytes to send. */
  readonly allowance: Allowance
  readonly sets: Map<Cid, RemoteSet>
  /** When it opened a set here; the latest last. */
  readonly openedAt: Map<Cid, number>
}

/** @param components.onChange called when a peer has told something new */
export const createRemoteSets = ({ onChange }: { onChange: () => void }): RemoteSets => {
  const remotes = new Map<string, Remote>()
  /** Least recently wanted first. */
  const wanted = new Map<Cid, { since: number; at: number }>()
  let fullUntil = 0

  const attach = (link: PeerLink): void => {
    const remote: Remote = {
      link,
      allowance: createAllowance({ burst: MAX_BITMAP_BYTES_PER_PEER, perSecond: BITMAP_BYTES_PER_SECOND }),
      sets: new Map(),
      openedAt: new Map(),
    }
    remotes.set(link.peerId, remote)
    for (const set of wanted.keys()) open(remote, set)
  }

  const open = (remote: Remote, set: Cid): void => {
    if (remote.sets.has(set)) return
    const fresh: RemoteSet = { answered: false, bitmap: undefined, grewAt: 0, pieces: undefined, close: () => {} }
    const listener: SetListener = (answer, payload) => {
      if (answer.type === 'has') addIndexes(fresh, answer.indexes)
      else {
        if (answer.complete || answer.at === 0) requireAffordable(remote, Math.ceil(answer.length / 8))
        takePiece(fresh, answer, payload)
      }
      onChange()
    }
    try {
      fresh.close = remote.link.open(set, listener)
    } catch {
      return // the link has just ended, and is detached in a moment
    }
    remote.sets.set(set, fresh)
  }

  const want = (set: Cid): void => {
    const now = performance.now()
    const known = wanted.get(set)
    if (known === undefined ? !makeRoom(now) : now - known.at < SECOND) return // hot path: one look a second is enough
    wanted.delete(set)
    wanted.set(set, { since: known?.since ?? now, at: now })
    for (const remote of remotes.values()) open(remote, set)
  }

  /** False when all places are taken by others that are wanted: whoever wants one more asks again in a moment. */
  const makeRoom = (now: number): boolean => {
    if (wanted.size < MAX_OPEN_SETS) return true
    if (now < fullUntil) return false
    for (const [set, { since, at }] of wanted) {
      if (now - at < SET_TURN && (now - since < SET_TURN || isSomewhere(set))) continue
      forget(set)
      return true
    }
    fullUntil = now + TICK
    return false
  }

  const isSomewhere = (set: Cid): boolean =>
    remotes.values().some(({ sets }) => (sets.get(set)?.bitmap?.count ?? 0) > 0)

  const forget = (set: Cid): void => {
    wanted.delete(set)
    for (const { sets } of remotes.values()) closeSet(sets, set)
  }

  const opened = (peerId: string, set: Cid): void => {
    const openedAt = remotes.get(peerId)?.openedAt
    openedAt?.delete(set)
    openedAt?.set(set, performance.now())
    const [oldest] = openedAt?.keys() ?? []
    if (oldest !== undefined && (openedAt?.size ?? 0) > MAX_OPEN_SETS) openedAt?.delete(oldest)
  }

  const isFetching = (peerId: string, set: Cid): boolean => {
    const remote = remotes.get(peerId)
    const { bitmap, grewAt = 0 } = remote?.sets.get(set) ?? {}
    if (remote === undefined || bitmap?.complete === true) return false
    const now = performance.now()
    const isGrowing = bitmap !== undefined && now - grewAt < FETCHING_FOR
    return isGrowing || now - (remote.openedAt.get(set) ?? -Infinity) < JUST_OPENED
  }

  const sweep = (): void => {
    const idleSince = performance.now() - SET_IDLE
    for (const [set, { at }] of wanted) if (at < idleSince) forget(set)
  }
  const timer = setInterval(sweep, MINUTE)
  timer.unref()

  return {
    attach,
    detach: (peerId) => void remotes.delete(peerId),
    want,
    has: (peerId, set, index) => remotes.get(peerId)?.sets.get(set)?.bitmap?.has(index) ?? false,
    opened,
    isFetching,
    lacks: (peerId, set, index) => remotes.get(peerId)?.sets.get(set)?.bitmap?.clear(index),
    answered: (set) => remotes.values().every(({ sets }) => sets.get(set)?.answered ?? true),
    stop: () => clearInterval(timer),
  }
}

const closeSet = (sets: Map<Cid, RemoteSet>, set: Cid): void => {
  sets.get(set)?.close()
  sets.delete(set)
}

const addIndexes = (remote: RemoteSet, indexes: readonly number[]): void => {
  if (remote.bitmap === undefined) throw new MeshError('bad-bytes', 'additions to a bitmap that was never sent')
  for (const index of indexes) {
    if (index >= remote.bitmap.length) throw new MeshError('bad-bytes', 'an addition outside of the bitmap')
    remote.bitmap.set(index)
  }
  remote.grewAt = performance.now()
}

/** @throws MeshError `bad-bytes` for pieces that do not fit */
const takePiece = (
  remote: RemoteSet,
  { length, at, complete }: { length: number; at: number; complete: boolean },
  payload: Uint8ArrayList,
): void => {
  if (complete || length === 0) {
    Object.assign(remote, { answered: true, pieces: undefined, bitmap: complete ? Bitmap.full(length) : undefined })
    return
  }
  const size = Math.ceil(length / 8)
  if (at === 0) remote.pieces = new Uint8Array(size)
  const { pieces } = remote
  if (
    pieces?.length !== size ||
    at % HAVE_PIECE_BYTES !== 0 ||
    payload.byteLength !== Math.min(HAVE_PIECE_BYTES, size - at)
  )
    throw new MeshError('bad-bytes', 'a piece of a bitmap that does not fit')
  pieces.set(payload.subarray(), at)
  if (at + payload.byteLength < size) return
  Object.assign(remote, {
    answered: true,
    pieces: undefined,
    bitmap: new Bitmap(length, pieces),
    grewAt: performance.now(),
  })
}

/** @throws MeshError `bad-bytes` when the peer would make us keep too much, or build too much too fast */
const requireAffordable = ({ sets, allowance }: Remote, bytes: number): void => {
  const kept = sets
    .values()
    .reduce((sum, { bitmap, pieces }) => sum + (bitmap?.bytes.length ?? 0) + (pieces?.length ?? 0), 0)
  if (kept + bytes > MAX_BITMAP_BYTES_PER_PEER || !allowance.take(bytes))
    throw new MeshError('bad-bytes', 'bitmaps of over 16 MiB')
}
