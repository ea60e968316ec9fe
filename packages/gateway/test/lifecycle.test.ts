import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { MIB, isMeshError } from '@hubmesh/content'
import { describe, expect, it } from 'vitest'
import { startGateway } from './support/gateway.ts'
import { exchange, get, parts } from './support/http.ts'
import { never } from './support/library.ts'
import { patternContent } from './support/repos.ts'

describe('starting', () => {
  it('says which port is taken, and what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    await expect(startGateway({ port })).rejects.toSatisfy(
      (error) => isMeshError(error, 'busy') && error.message.includes(String(port)) && error.hint !== undefined,
    )
    other.close()
  })

  it('says that an address is not of this machine', async () => {
    await expect(startGateway({ host: '192.0.2.1' })).rejects.toSatisfy(
      (error) => isMeshError(error, 'config') && error.hint !== undefined,
    )
  })

  it('names an address that can be connected to', async () => {
    const { gateway, url } = await startGateway({ host: '0.0.0.0' })
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect((await fetch(`${url}/-/healthz`)).status).toBe(200)
    await gateway.stop()
  })
})

describe('stopping', () => {
  it('takes under 2 s with idle, waiting, reading and stalled connections, none of them reset', async () => {
    const { gateway, library, port } = await startGateway()
    const content = patternContent(64 * MIB)
    library.add({ type: 'model', id: 'a/b' }, { commits: [{ files: { 'cold.bin': content, 'big.bin': content } }] })
    library.chill('cold.bin', {
      chunkBytes: 1024,
      before: (chunk, signal) => (chunk === 0 ? Promise.resolve() : never(signal)),
    })
    const idle = exchange(port, get('/-/healthz'))
    const cold = exchange(port, get('/a/b/resolve/main/cold.bin'))
    const stalled = exchange(port, get('/a/b/resolve/main/big.bin'))
    await Promise.all([idle.until(100), cold.until(500), stalled.until(500)])
    stalled.socket.pause()
    const began = performance.now()
    await gateway.stop()
    expect(performance.now() - began).toBeLessThan(2_000)
    expect(await idle.ended).toBe('fin')
    expect(await cold.ended).toBe('fin')
    expect(parts(cold.received()).body.length).toBeLessThan(content.size)
    expect(library.open()).toBe(0)
    stalled.socket.destroy()
  })
})
