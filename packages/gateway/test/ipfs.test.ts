import { type Block, chunkCid, encodeBlock, sha256Of } from '@hubmesh/content'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { type Reply, ask } from './support/http.ts'

const CONTENT = 'a small file is a chunk'
const CHUNK = chunkCid(sha256Of(Buffer.from(CONTENT)))
const RAW = 'application/vnd.ipld.raw'

let running: RunningGateway
let block: Block

beforeAll(async () => {
  running = await startGateway({ origins: ['https://app.example'] })
  running.library.add({ type: 'model', id: 'ipfs/model' }, { commits: [{ files: { 'x.txt': CONTENT } }] })
  block = encodeBlock({ v: 1 })
  running.library.keep(block)
})
afterAll(async () => running.gateway.stop())

const get = (target: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> =>
  ask(running.url, target, { headers, method })

describe('/ipfs/{cid}', () => {
  it('gives a chunk with the headers of a trustless gateway', async () => {
    const reply = await get(`/ipfs/${CHUNK}?format=raw`)
    expect([reply.status, reply.body.toString()]).toEqual([200, CONTENT])
    expect(reply.headers).toMatchObject({
      'content-type': RAW,
      'content-length': String(CONTENT.length),
      'content-disposition': `attachment; filename="${CHUNK}.bin"`,
      'x-content-type-options': 'nosniff',
      etag: `"${CHUNK}.raw"`,
      'cache-control': 'public, max-age=29030400, immutable',
      'x-ipfs-path': `/ipfs/${CHUNK}`,
      'x-ipfs-roots': CHUNK,
    })
  })

  it('gives a structured block, in part too', async () => {
    const reply = await get(`/ipfs/${block.cid}`, { accept: `text/html;q=0.1, ${RAW}` })
    expect(reply.body.equals(block.bytes)).toBe(true)
    expect(reply.headers.vary).toBe('Accept, Origin')
    expect(reply.headers['content-location']).toBe(`/ipfs/${block.cid}?format=raw`)
    const part = await get(`/ipfs/${block.cid}?format=raw`, { range: 'bytes=1-2' })
    expect([part.status, part.body]).toEqual([206, Buffer.from(block.bytes.subarray(1, 3))])
  })

  it('says by the probe that it is one', async () => {
    for (const method of ['GET', 'HEAD']) {
      const reply = await get('/ipfs/bafkqaaa', { accept: RAW }, method)
      expect([reply.status, reply.headers['content-length']]).toEqual([200, '0'])
    }
  })

  it.each<[string, Record<string, string>, number]>([
    [`/ipfs/${CHUNK}`, {}, 400],
    [`/ipfs/${CHUNK}`, { accept: '*/*' }, 200],
    [`/ipfs/${CHUNK}`, { accept: 'application/vnd.ipld.car' }, 406],
    [`/ipfs/${CHUNK}?format=car`, { accept: RAW }, 406],
    [`/ipfs/${CHUNK}?format=raw`, { accept: 'text/html' }, 200],
    [`/ipfs/${CHUNK}/a/b?format=raw`, {}, 400],
    ['/ipfs/nonsense?format=raw', {}, 400],
    ['/ipfs/?format=raw', {}, 400],
    ['/ipfs/..%2F..%2Fetc%2Fpasswd?format=raw', {}, 400],
    ['/ipfs/QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG?format=raw', {}, 404],
    [`/ipfs/${chunkCid(sha256Of(Buffer.from('not here')))}?format=raw`, {}, 404],
    [`/ipfs/${chunkCid(sha256Of(Buffer.from('not here')))}?format=raw`, { 'cache-control': 'only-if-cached' }, 412],
  ])('%s %o is %i', async (target, headers, status) => expect((await get(target, headers)).status).toBe(status))

  it('is not in the way of an owner of that name', async () => {
    const reply = await get('/ipfs/model/resolve/main/x.txt')
    expect(reply.body.toString()).toBe(CONTENT)
  })
})
