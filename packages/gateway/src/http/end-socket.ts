import type { Socket } from 'node:net'

/** How long a client may leave an ended connection open on its side. */
const LINGER_MS = 2_000

/**
 * Ends a connection with FIN, after the last bytes. To close while bytes from the client are unread would send a reset, so
 * they are read until it hangs up too.
 */
export const endSocket = (socket: Socket, last?: string): void => {
  if (last === undefined) socket.end()
  else socket.end(last)
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
}
