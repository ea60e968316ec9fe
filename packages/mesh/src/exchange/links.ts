import type { Libp2p, PeerId } from '@libp2p/interface'
import { type Log, MeshError } from '@hubmesh/content'
import { type FarRules, MAX_BACKOFF, SECOND } from '../limits.ts'
import type { Gate } from '../node/gate.ts'
import type { HeardBytes } from '../node/heard-bytes.ts'
import { wait } from '../node/wait.ts'
import { whyUnasked, whyUnreached } from '../node/why-unreached.ts'
import type { Peer, Peers } from '../peers.ts'
import { createFurtherConnections } from './further-connections.ts'
import { type PeerLink, openLink } from './link.ts'
import type { Hello } from './messages.ts'
import type { UnreadBound } from './unread.ts'

export interface LinksComponents {
  readonly node: Libp2p
  readonly peers: Peers
  readonly gate: Gate
  readonly unread: UnreadBound
  readonly heard: HeardBytes
  readonly log: Log
  readonly onHead: (envelope: Uint8Array, from: string) => void
  readonly onLate: (peerId: string, bytes: number) => void
  /** A peer can be asked now, or no more. */
  readonly onLink: (peer: Peer, link: PeerLink | undefined) => void
}

/** Keeps a link to every connected peer. */
export interface Links {
  start(): void
  /** For a peer that was just dialled: resolves when it can be asked, or cannot after all. */
  readonly settled: (id: PeerId) => Promise<void>
  stop(): void
}

export const createLinks = (components: LinksComponents, { hello, far }: { hello: Hello; far: FarRules }): Links => {
  const { node, peers, gate, unread, heard, log, onHead, onLate, onLink } = components
  const further = createFurtherConnections(node)
  /** Resolved once the first link has been opened, or could not be. */
  const kept = new Map<string, PromiseWithResolvers<void>>()
  const stopping = new AbortController()

  const onConnect = ({ detail }: { detail: PeerId }): void => {
    const peerId = detail.toString()
    if (kept.has(peerId) || stopping.signal.aborted || !isConnected(detail)) return
    const settled = Promise.withResolvers<void>()
    kept.set(peerId, settled)
    void keep(detail, settled.resolve).finally(() => {
      kept.delete(peerId)
      onConnect({ detail }) // it may have come back just now
    })
  }

  /** Opens a link again and again while the peer is connected. */
  const keep = async (id: PeerId, onSettled: () => void): Promise<void> => {
    const peerId = id.toString()
    let delay = SECOND
    while (isConnected(id) && !stopping.signal.aborted) {
      const openedAt = performance.now()
      let wasOpen = false
      const onOpen = (): void => {
        wasOpen = true
        onSettled()
      }
      const end = await use(id, onOpen).catch((error: unknown) => asMeshError(error))
      onSettled()
      peers.get(peerId).problem = wasOpen ? whyUnreached(end) : whyUnasked(end)
      if (end.code === 'bad-bytes') gate.breach(peerId, end.message)
      log.debug({ peerId, err: end }, 'a link ended')
      if (performance.now() - openedAt > MAX_BACKOFF) delay = SECOND
      if (!isConnected(id)) return
      await wait(delay, stopping.signal)
      delay = Math.min(delay * 2, MAX_BACKOFF)
    }
  }

  const use = async (id: PeerId, onOpen: () => void): Promise<MeshError> => {
    const peerId = id.toString()
    peers.get(peerId) // seen, though it may not be one to ask
    const link = await openLink({ node, further, heard }, id, {
      hello,
      far,
      onHead: (envelope) => onHead(envelope, peerId),
      onLate: (bytes) => onLate(peerId, bytes),
      watch: (stream, unreadBytes) => unread.watch(stream, { peerId, unread: unreadBytes }),
    })
    const onStop = (): void => link.close()
    stopping.signal.addEventListener('abort', onStop)
    if (stopping.signal.aborted) link.close()
    const peer = peers.get(peerId)
    Object.assign(peer, {
      link,
      site: link.hello.site,
      role: link.hello.role,
      addresses: [...new Set(node.getConnections(id).map(({ remoteAddr }) => remoteAddr.toString()))],
    })
    onLink(peer, link)
    onOpen()
    try {
      return await link.ended
    } finally {
      stopping.signal.removeEventListener('abort', onStop)
      peer.link = undefined
      peer.lastSeen = Date.now()
      onLink(peer, undefined)
    }
  }

  const isConnected = (id: PeerId): boolean => node.getConnections(id).some(({ status }) => status === 'open')

  return {
    start: () => {
      node.addEventListener('peer:connect', onConnect)
      for (const connection of node.getConnections()) onConnect({ detail: connection.remotePeer })
    },
    settled: async (id) => {
      onConnect({ detail: id })
      await kept.get(id.toString())?.promise
    },
    stop: () => {
      node.removeEventListener('peer:connect', onConnect)
      stopping.abort()
    },
  }
}

const asMeshError = (error: unknown): MeshError =>
  error instanceof MeshError ? error : new MeshError('unreachable', 'the link broke off', { cause: error })
