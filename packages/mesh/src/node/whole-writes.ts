import { Socket } from 'node:net'
import type { MessageStream } from '@libp2p/interface'
import { freeOwned } from '@hubmesh/content'
import type { Uint8ArrayList } from 'uint8arraylist'

/** What a TCP connection of js-libp2p is made of, as far as it matters here. */
interface TcpSender {
  readonly socket: Socket
  sendData(data: Uint8ArrayList): { sentBytes: number; canSendMore: boolean }
}

/**
 * Has a TCP connection hand a message to the kernel in one piece. js-libp2p writes each part by itself: the length, header,
 * body and tag of an encrypted frame are four to six system calls and, as nothing is held back for more
 * ([RFC 9293](https://www.rfc-editor.org/rfc/rfc9293), 3.7.4), as many packets. Another connection stays as it is.
 */
export const writeWhole = (connection: MessageStream): void => {
  if (!isTcp(connection)) return
  const { socket } = connection
  connection.sendData = (data) => {
    socket.cork()
    for (const part of data) socket.write(part, onSent(part))
    socket.uncork()
    // Only what the kernel did not take counts: at the mark the socket tells when that has gone.
    return { sentBytes: data.byteLength, canSendMore: socket.writableLength < socket.writableHighWaterMark }
  }
}

/** Encrypted bytes are read by nobody else. When the last of a buffer are sent, those before them are. */
const onSent = (part: Uint8Array): ((error?: Error | null) => void) | undefined => {
  if (part.byteOffset + part.byteLength < part.buffer.byteLength) return undefined
  return (error) => {
    if (!error) freeOwned([part])
  }
}

const isTcp = (connection: MessageStream): connection is MessageStream & TcpSender =>
  'socket' in connection && connection.socket instanceof Socket && 'sendData' in connection
