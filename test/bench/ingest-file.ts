/** Ingests one file into a store of its own, for measuring: `ingest-file.ts FILE HOME` prints what it took as JSON. */
import { createMeter, silentLog } from '@hubmesh/content'
import { openStore } from '@hubmesh/store'
import { seconds, usageOf } from './measure.ts'

const [, , file = '', home = ''] = process.argv
const store = await openStore({ home, log: silentLog, meter: createMeter() })
const before = await usageOf(process.pid)
const taken = await seconds(() => store.blobs.ingestFile(file, { gitOid: true, signal: AbortSignal.timeout(600_000) }))
const after = await usageOf(process.pid)
await store.close()
console.log(
  JSON.stringify({ seconds: taken, cpuSeconds: after.cpuSeconds - before.cpuSeconds, peakRss: after.peakRss }),
)
