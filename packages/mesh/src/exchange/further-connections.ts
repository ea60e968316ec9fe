import type { Connection, Libp2p } from '@libp2p/interface'
import { MeshError } from '@hubmesh/content'
import { asError } from '../as-error.ts'
import { DIAL_TIMEOUT, MAX_FURTHER_CONNECTIONS } from '../limits.ts'
import { withPeer } from '../node/dial-peer.ts'

/** Connections beside the one that a peer is reached by, for chunks alone. */
export interface FurtherConnections {
  /** One more to where a connection leads that this node has dialled. @throws MeshError `unreachable`, `busy` when there are enough */
  open(base: Connection, signal: AbortSignal): Promise<Connection>
}

/** Never more than 24 in all. */
export const createFurtherConnections = (node: Libp2p): FurtherConnections => {
  let count = 0
  return {
    open: async ({ remoteAddr, remotePeer }, signal) => {
      if (count >= MAX_FURTHER_CONNECTIONS) throw new MeshError('busy', 'there are enough further connections')
      count += 1
      const leave = once(() => void (count -= 1))
      try {
        const connection = await node.dial(withPeer(remoteAddr, remotePeer), {
          force: true,
          signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT)]),
        })
        connection.addEventListener('close', leave)
        if (connection.status !== 'open') throw new MeshError('unreachable', 'the peer has closed it at once')
        return connection
      } catch (cause) {
        leave()
        throw new MeshError('unreachable', 'no further connection', { cause })
      }
    },
  }
}

const once = (act: () => void): (() => void) => {
  let isDone = false
  return () => {
    if (!isDone) act()
    isDone = true
  }
}

/** With a word to the other side, if that is possible. */
export const closeConnection = (connection: Connection): void => {
  connection.close().catch((error: unknown) => connection.abort(asError(error)))
}
