import type { ServerResponse } from 'node:http'
import { endSocket } from '../http/end-socket.ts'

/**
 * Writes bytes and resolves when the kernel has taken them all, so that their buffer may be used again: true, or false
 * when the connection is gone.
 */
export const writeTaken = (response: ServerResponse, bytes: Uint8Array): Promise<boolean> =>
  new Promise((resolve) => {
    if (response.destroyed) {
      resolve(false)
      return
    }
    const gone = (): void => resolve(false)
    response.once('close', gone)
    response.write(bytes, (error) => {
      response.off('close', gone)
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
