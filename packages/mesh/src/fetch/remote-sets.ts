import { Bitmap, type Cid, MeshError } from '@hubmesh/content'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { SetListener } from '../exchange/asker.ts'
import type { PeerLink } from '../exchange/link.ts'
import { HAVE_PIECE_BYTES, MAX_BITMAP_BYTES_PER_PEER, MAX_OPEN_SETS, MINUTE, SET_IDLE } from '../limits.ts'

/** What other nodes have of the sets that are wanted here, as they say: it is believed until they do not give it. */
export interface RemoteSets {
  attach(link: PeerLink): void
  detach(peerId: string): void
  /** Somebody wants a chunk of the set: every linked peer is asked what it has, and tells what it gets. */
  want(set: Cid): void
  has(peerId: string, set: Cid, index: number): boolean
  /** It did not have it after all. */
  lacks(peerId: string, set: Cid, index: number): void
  /** All linked peers have said what they have. */
  answered(set: Cid): boolean
  stop(): void
}

interface RemoteSet {
  answered: boolean
  bitmap: Bitmap | undefined
  /** Bytes of a bitmap whose last piece has not come. */
  pieces: Uint8Array | undefined
  close(): void
}

interface Remote {
  readonly link: PeerLink
  /** Least recently wanted first. */
  readonly sets: Map<Cid, RemoteSet>
}

/** @param components.onChange called when a peer has told something new */
export const createRemoteSets = ({ onChange }: { onChange: () => void }): RemoteSets => {
  const remotes = new Map<string, Remote>()
  const wantedAt = new Map<Cid, number>()

  const attach = (link: PeerLink): void => {
    const remote = { link, sets: new Map<Cid, RemoteSet>() }
    remotes.set(link.peerId, remote)
    for (const set of wantedAt.keys()) open(remote, set)
  }

  const open = (remote: Remote, set: Cid): void => {
    const known = remote.sets.get(set)
    if (known !== undefined) {
      remote.sets.delete(set)
      remote.sets.set(set, known)
      return
    }
    const fresh: RemoteSet = { answered: false, bitmap: undefined, pieces: undefined, close: () => {} }
    const listener: SetListener = (answer, payload) => {
      if (answer.type === 'has') addIndexes(fresh, answer.indexes)
      else if (takePiece(fresh, answer, payload)) requireAffordable(remote)
      onChange()
    }
    try {
      fresh.close = remote.link.open(set, listener)
    } catch {
      return // the link has just ended, and is detached in a moment
    }
    remote.sets.set(set, fresh)
    if (remote.sets.size > MAX_OPEN_SETS) closeOldest(remote)
  }

  const want = (set: Cid): void => {
    const last = wantedAt.get(set)
    const now = performance.now()
    if (last !== undefined && now - last < 1000) return // hot path: one look a second is enough
    wantedAt.delete(set)
    wantedAt.set(set, now)
    for (const [oldest] of wantedAt) {
      if (wantedAt.size <= MAX_OPEN_SETS) break
      forget(oldest)
    }
    for (const remote of remotes.values()) open(remote, set)
  }

  const forget = (set: Cid): void => {
    wantedAt.delete(set)
    for (const { sets } of remotes.values()) closeSet(sets, set)
  }

  const sweep = (): void => {
    const idleSince = performance.now() - SET_IDLE
    for (const [set, at] of wantedAt) if (at < idleSince) forget(set)
  }
  const timer = setInterval(sweep, MINUTE)
  timer.unref()

  return {
    attach,
    detach: (peerId) => void remotes.delete(peerId),
    want,
    has: (peerId, set, index) => remotes.get(peerId)?.sets.get(set)?.bitmap?.has(index) ?? false,
    lacks: (peerId, set, index) => remotes.get(peerId)?.sets.get(set)?.bitmap?.clear(index),
    answered: (set) => remotes.values().every(({ sets }) => sets.get(set)?.answered ?? true),
    stop: () => clearInterval(timer),
  }
}

const closeSet = (sets: Map<Cid, RemoteSet>, set: Cid): void => {
  sets.get(set)?.close()
  sets.delete(set)
}

const closeOldest = ({ sets }: Remote): void => {
  for (const [oldest] of sets) return closeSet(sets, oldest)
}

const addIndexes = (remote: RemoteSet, indexes: readonly number[]): void => {
  if (remote.bitmap === undefined) throw new MeshError('bad-bytes', 'additions to a bitmap that was never sent')
  for (const index of indexes) {
    if (index >= remote.bitmap.length) throw new MeshError('bad-bytes', 'an addition outside of the bitmap')
    remote.bitmap.set(index)
  }
}

/** True when the bitmap is whole now. @throws MeshError `bad-bytes` for pieces that do not fit */
const takePiece = (
  remote: RemoteSet,
  { length, at, complete }: { length: number; at: number; complete: boolean },
  payload: Uint8ArrayList,
): boolean => {
  if (complete || length === 0) {
    remote.bitmap = complete ? Bitmap.full(length) : undefined
    remote.answered = true
    return true
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
  if (at + payload.byteLength < size) return false
  remote.pieces = undefined
  remote.bitmap = new Bitmap(length, pieces)
  remote.answered = true
  return true
}

const requireAffordable = ({ sets }: Remote): void => {
  const bytes = sets.values().reduce((sum, { bitmap }) => sum + (bitmap?.bytes.length ?? 0), 0)
  if (bytes > MAX_BITMAP_BYTES_PER_PEER) throw new MeshError('bad-bytes', 'bitmaps of over 16 MiB')
}
