import { randomFillSync } from 'node:crypto'
import { createBlobPass, createCutter } from '../../src/index.ts'

/** Prints what the chunker does on random bytes: `node --conditions=source packages/content/test/tools/measure-chunking.ts` */
const SIZE = 1024 * 1024 * 1024
const buffer = randomFillSync(new Uint8Array(64 * 1024 * 1024))
const pushes = Array.from({ length: SIZE / 2 ** 20 }, (_, index) => {
  const at = (index % 64) * 2 ** 20
  return buffer.subarray(at, at + 2 ** 20)
})

const measure = (what: string, run: () => number): void => {
  const cpu = process.cpuUsage()
  const started = performance.now()
  const chunks = run()
  const seconds = (performance.now() - started) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const rate = Math.round(SIZE / 1e6 / seconds)
  const used = ((user + system) / 1e6).toFixed(2)
  console.log(`${what}: ${rate} MB/s, ${used} CPU-s/GiB, ${chunks} chunks of ${Math.round(SIZE / chunks / 1024)} KiB`)
}

const pass = (gitOid: boolean) => (): number => {
  const all = createBlobPass({ size: SIZE, gitOid })
  for (const bytes of pushes) all.push(bytes)
  return all.finish().chunks.length
}

for (let round = 0; round < 2; round += 1) {
  measure('gear alone', () => {
    const cutter = createCutter({ size: SIZE })
    return pushes.reduce((sum, bytes) => sum + cutter.push(bytes).length, 0)
  })
  measure('pass', pass(false))
  measure('pass with git oid', pass(true))
}
