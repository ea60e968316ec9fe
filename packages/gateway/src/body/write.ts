import type { ServerResponse } from 'node:http'
import { endSocket } from '../http/end-socket.ts'

/**
 * Writes bytes and resolves when the kernel has taken them all, so that their buffer may be used again: true, or false
 * when the signal ends first.
 */
export const writeTaken = (response: ServerResponse, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> =>
  new Promise((resolve) => {
    if (signal.aborted || response.destroyed) {
      resolve(false)
      return
    }
    // Not the response's own `close`: it has none while it waits behind another on the same connection.
    const gone = (): void => resolve(false)
    signal.addEventListener('abort', gone, { once: true })
    response.write(bytes, (error) => {
      signal.removeEventListener('abort', gone)
      resolve(!error)
    })
  })

/**
 * Ends a connection in the middle of a body: FIN after what was written, short of the announced length. Never a reset,
 * which Hub clients take for a fault of the network and do not resume from.
 */
export const endShort = (response: ServerResponse): void => {
  const { socket } = response
  if (socket === null || socket.destroyed) response.destroy()
  else endSocket(socket)
}
