/**
 * A fast HTTP client, for measuring servers: `drain.ts URL CONNECTIONS` takes the URL over so many connections at once, throws
 * the bytes away, and prints the seconds from the first connect to the last byte. One buffer is used for all: what it costs is
 * what the kernel's copy costs.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { MIB } from '@hubmesh/content'

const HEAD = /^HTTP\/1\.1 200 [^]*?\r\nContent-Length: (\d+)\r\n[^]*?\r\n\r\n/i

const [, , address = '', connections = '1'] = process.argv
const url = new URL(address)
const buffer = Buffer.allocUnsafeSlow(MIB)

const drain = async (): Promise<void> => {
  let left: number | undefined
  const callback = (length: number, bytes: Uint8Array): boolean => {
    left = (left ?? bytesToCome(Buffer.from(bytes.buffer, 0, length).toString('latin1'))) - length
    return true
  }
  const socket = connect({ host: url.hostname, port: Number(url.port), onread: { buffer, callback } })
  socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n\r\n`)
  await once(socket, 'close')
  if (left !== 0) throw new Error(`the body ends ${left} bytes short`)
}

/** Head and body together, told by the first bytes. */
const bytesToCome = (first: string): number => {
  const [head, length] = HEAD.exec(first) ?? []
  if (head === undefined) throw new Error(`not an answer of 200 with a length: ${first.slice(0, 200)}`)
  return head.length + Number(length)
}

const start = performance.now()
await Promise.all(Array.from({ length: Number(connections) }, drain))
console.log((performance.now() - start) / 1000)
