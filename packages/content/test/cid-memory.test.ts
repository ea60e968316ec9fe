import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { blockCid, sha256Of } from '../src/index.ts'

const COUNT = 20_000

it('a CID takes what its letters take, not a chain of them', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = used()
  const cids = Array.from({ length: COUNT }, (_, n) => blockCid(sha256Of(Buffer.from(String(n)))))
  expect((used() - before) / cids.length).toBeLessThan(400)
})
