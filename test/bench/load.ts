/**
 * A light HTTP load for measuring servers: `load.ts URL CONNECTIONS REQUESTS NAMES` asks over so many kept-alive connections for the
 * names below the URL, in turn, the next as soon as the last has come, and prints a line of JSON. Over bare sockets, into one
 * buffer each: so the server is what is measured.
 */
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { KIB } from '@hubmesh/content'
import { percentile } from './measure.ts'

export interface Load {
  readonly seconds: number
  /** Milliseconds from asking to the last byte. */
  readonly median: number
  readonly p99: number
}

const [, , address = '', connections = '1', requests = '1', list = ''] = process.argv
const url = new URL(address)
const total = Number(requests)
const asks = (await readFile(list, 'utf8'))
  .trimEnd()
  .split('\n')
  .map((name) => Buffer.from(`GET ${url.pathname}/${name} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`))
const took = new Float64Array(total)
let asked = 0

const work = (): Promise<void> =>
  new Promise((resolve, reject) => {
    const buffer = Buffer.allocUnsafeSlow(64 * KIB)
    let index = -1
    let began = 0
    /** Of the answer under way; 0 before its head has come. */
    let left = 0
    const askNext = (): void => {
      index = asked
      asked += 1
      if (index >= total) {
        socket.end()
        resolve()
        return
      }
      left = 0
      began = performance.now()
      socket.write(asks[index % asks.length] ?? '')
    }
    const callback = (length: number): boolean => {
      if (left === 0) left = answerBytes(buffer, length)
      left -= length
      if (left === 0) {
        took[index] = performance.now() - began
        askNext()
      } else if (left < 0) reject(new Error('more bytes than were announced'))
      return true
    }
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true, onread: { buffer, callback } })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the server has hung up'))) // too late where all is done
    socket.once('connect', askNext)
  })

/** Of head and body together: the head comes in one piece, as every server sends it. */
const answerBytes = (bytes: Buffer, length: number): number => {
  const end = bytes.indexOf('\r\n\r\n')
  const head = bytes.toString('latin1', 0, end + 2)
  const [, size] = /\r\ncontent-length: (\d+)\r\n/i.exec(head) ?? []
  if (end < 0 || end > length || size === undefined || !head.startsWith('HTTP/1.1 200 '))
    throw new Error(`not an answer of 200 with a length: ${head}`)
  return end + 4 + Number(size)
}

const start = performance.now()
await Promise.all(Array.from({ length: Number(connections) }, work))
const seconds = (performance.now() - start) / 1000
const times = Array.from(took)
console.log(JSON.stringify({ seconds, median: percentile(times, 0.5), p99: percentile(times, 0.99) } satisfies Load))
