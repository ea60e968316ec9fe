import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Place } from '../../integration/local-swarm.ts'

/** Bytes in and out, as TCP carries them: without its own headers. */
export interface Traffic {
  ping: number
  gossip: number
  dht: number
  exchange: number
  /** Streams of other protocols. */
  other: number
  /** Everything, what belongs to no stream too. */
  all: number
}

/** A place on loopback where what a node says to others is counted. */
export const countedPlace = (folder: string): { place: Place; read: (pid: number) => Promise<Traffic> } => {
  const file = join(folder, 'traffic.json')
  const read = async (pid: number): Promise<Traffic> => {
    await rm(file, { force: true })
    process.kill(pid, 'SIGUSR2')
    for (;;) {
      const text = await readFile(file, 'utf8').catch(() => undefined)
      if (text !== undefined) return JSON.parse(text) as Traffic
      await sleep(20)
    }
  }
  const preload = new URL('count-traffic.ts', import.meta.url).href
  const command = [
    'env',
    `NODE_OPTIONS=--import=${preload}`,
    // Or what strips the types of this one file stays in memory: 15 MiB that no node has. From the second start on.
    `NODE_COMPILE_CACHE=${join(folder, 'compiled')}`,
    `TRAFFIC_FILE=${file}`,
  ]
  return { place: { address: '127.0.0.1', command }, read }
}

export const difference = (now: Traffic, then: Traffic): Traffic => {
  const names = Object.keys(now) as (keyof Traffic)[]
  return Object.fromEntries(names.map((name) => [name, now[name] - then[name]])) as unknown as Traffic
}
