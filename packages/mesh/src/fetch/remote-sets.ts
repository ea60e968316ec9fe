import { Bitmap, type Cid, MeshError } from '@hubmesh/content'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { HaveMessage, SetListener } from '../exchange/asker.ts'
import type { PeerLink } from '../exchange/link.ts'
import { type Allowance, createAllowance } from '../allowance.ts'
import type { Holdings, Path } from '../schedule/index.ts'
import {
  BITMAP_BYTES_PER_SECOND,
  HAVE_PIECE_BYTES,
  MAX_BITMAP_BYTES_PER_PEER,
  MAX_OPEN_SETS,
  MINUTE,
  SECOND,
  SET_IDLE,
  SET_TURN,
  TICK,
} from '../limits.ts'

/** Asks other nodes what they have of the sets that are wanted here, and keeps `Holdings` up with what they say. */
export interface RemoteSets {
  attach(link: PeerLink, path: Path): void
  detach(peerId: string): void
  /** Somebody wants a chunk of the set: every linked peer is asked what it has, and tells what it gets. */
  want(set: Cid): void
  /** A peer wants chunks of a set: it has opened it here. */
  opened(peerId: string, set: Cid): void
  /** All linked peers have said what they have. */
  answered(set: Cid): boolean
  stop(): void
}

interface RemoteSet {
  answered: boolean
  /** Bytes of a bitmap whose last piece has not come. */
  pieces: Uint8Array | undefined
  close(): void
}

interface Remote {
  readonly link: PeerLink
  readonly path: Path
  /** Bytes of bitmaps that it may make us build: each is a few bytes to send. */
  readonly allowance: Allowance
  readonly sets: Map<Cid, RemoteSet>
}

/** @param components.onChange called when a peer has told something new */
export const createRemoteSets = ({ holdings, onChange }: { holdings: Holdings; onChange: () => void }): RemoteSets => {
  const remotes = new Map<string, Remote>()
  /** Least recently wanted first. */
  const wanted = new Map<Cid, { since: number; at: number }>()
  let fullUntil = 0

  const attach = (link: PeerLink, path: Path): void => {
    const remote: Remote = {
      link,
      path,
      allowance: createAllowance({ burst: MAX_BITMAP_BYTES_PER_PEER, perSecond: BITMAP_BYTES_PER_SECOND }),
      sets: new Map(),
    }
    remotes.set(link.peerId, remote)
    for (const set of wanted.keys()) open(remote, set)
  }

  const open = (remote: Remote, set: Cid): void => {
    if (remote.sets.has(set)) return
    const fresh: RemoteSet = { answered: false, pieces: undefined, close: () => {} }
    const listener: SetListener = (answer, payload) => {
      if (answer.type === 'has') gain(remote, set, answer.indexes)
      else tell(remote, { set, known: fresh }, answer, payload)
      onChange()
    }
    try {
      fresh.close = remote.link.open(set, listener)
    } catch {
      return // the link has just ended, and is detached in a moment
    }
    remote.sets.set(set, fresh)
  }

  const gain = ({ path }: Remote, set: Cid, indexes: readonly number[]): void => {
    if (!holdings.gain(path, set, indexes, performance.now()))
      throw new MeshError('bad-bytes', 'additions to a bitmap that was never sent, or outside of it')
  }

  const tell = (
    remote: Remote,
    { set, known }: { set: Cid; known: RemoteSet },
    answer: HaveMessage,
    payload: Uint8ArrayList,
  ): void => {
    if (answer.complete || answer.at === 0) requireAffordable(remote, Math.ceil(answer.length / 8))
    const bitmap = takePiece(known, answer, payload)
    if (known.pieces !== undefined) return
    known.answered = true
    if (bitmap !== undefined && bitmap.count > 0 && !isSomewhere(set)) remote.link.warm()
    holdings.tell(remote.path, set, bitmap, performance.now())
  }

  /** @throws MeshError `bad-bytes` when the peer would make us keep too much, or build too much too fast */
  const requireAffordable = ({ path, sets, allowance }: Remote, bytes: number): void => {
    let kept = bytes
    for (const [set, { pieces }] of sets)
      kept += (pieces?.length ?? 0) + (holdings.of(set).get(path)?.bitmap.bytes.length ?? 0)
    if (kept > MAX_BITMAP_BYTES_PER_PEER || !allowance.take(bytes))
      throw new MeshError('bad-bytes', 'bitmaps of over 16 MiB')
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
    holdings
      .of(set)
      .values()
      .some(({ bitmap }) => bitmap.count > 0)

  const forget = (set: Cid): void => {
    wanted.delete(set)
    holdings.forget(set)
    for (const { sets } of remotes.values()) closeSet(sets, set)
  }

  const opened = (peerId: string, set: Cid): void => {
    const path = remotes.get(peerId)?.path
    if (path !== undefined) holdings.open(path, set, performance.now())
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
    opened,
    answered: (set) => remotes.values().every(({ sets }) => sets.get(set)?.answered ?? true),
    stop: () => clearInterval(timer),
  }
}

const closeSet = (sets: Map<Cid, RemoteSet>, set: Cid): void => {
  sets.get(set)?.close()
  sets.delete(set)
}

/** @returns the whole bitmap, when this was its last piece, @throws MeshError `bad-bytes` for pieces that do not fit */
const takePiece = (
  known: RemoteSet,
  { length, at, complete }: HaveMessage,
  payload: Uint8ArrayList,
): Bitmap | undefined => {
  if (complete || length === 0) {
    known.pieces = undefined
    return complete ? Bitmap.full(length) : undefined
  }
  const size = Math.ceil(length / 8)
  if (at === 0) known.pieces = new Uint8Array(size)
  const { pieces } = known
  if (
    pieces?.length !== size ||
    at % HAVE_PIECE_BYTES !== 0 ||
    payload.byteLength !== Math.min(HAVE_PIECE_BYTES, size - at)
  )
    throw new MeshError('bad-bytes', 'a piece of a bitmap that does not fit')
  pieces.set(payload.subarray(), at)
  if (at + payload.byteLength < size) return undefined
  known.pieces = undefined
  return new Bitmap(length, pieces)
}
