import type { Stream } from '@libp2p/interface'
import { type Log, MeshError } from '@hubmesh/content'
import { MAX_UNREAD_BYTES, SECOND } from '../limits.ts'

/** Bounds the unread bytes of all exchange streams of the process together. */
export interface UnreadBound {
  /** Counts a stream until the returned function is called. */
  watch(stream: Stream, use: { peerId: string; unread: () => number }): () => void
  stop(): void
}

/**
 * Each stream's own back-pressure stops at its window of 16 MiB; many of them together would still be too much. Looked
 * at once a second: the peer that holds most loses its streams, until the sum is in bounds.
 */
export const createUnreadBound = ({ log }: { log: Log }): UnreadBound => {
  const watched = new Map<Stream, { peerId: string; unread: () => number }>()

  const check = (): void => {
    const byPeer = new Map<string, number>()
    for (const { peerId, unread } of watched.values()) byPeer.set(peerId, (byPeer.get(peerId) ?? 0) + unread())
    let sum = byPeer.values().reduce((total, bytes) => total + bytes, 0)
    for (const [peerId, bytes] of [...byPeer].toSorted(([, a], [, b]) => b - a)) {
      if (sum <= MAX_UNREAD_BYTES) return
      log.warn({ peerId, bytes }, 'too many unread bytes: its streams are reset')
      for (const [stream, use] of watched)
        if (use.peerId === peerId) stream.abort(new MeshError('busy', 'too many unread bytes'))
      sum -= bytes
    }
  }
  const timer = setInterval(check, SECOND)
  timer.unref()

  return {
    watch: (stream, use) => {
      watched.set(stream, use)
      return () => void watched.delete(stream)
    },
    stop: () => clearInterval(timer),
  }
}
