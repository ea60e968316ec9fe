import { setTimeout as sleep } from 'node:timers/promises'
import type { Place } from '../../integration/local-swarm.ts'
import { type LineProcess, startLineProcess } from '../line-process.ts'
import { usageOf } from '../measure.ts'

/** Processes of another way, at their places; in the end all are killed. */
export interface Crew extends AsyncDisposable {
  start(place: Place, program: string, ...args: readonly string[]): LineProcess
  /** The next line of one of them. @throws Error when any of them has ended */
  line(process: LineProcess): Promise<string>
  /** From the word that starts it until each of the takers has said a line. */
  time(takers: readonly LineProcess[], go: () => void): Promise<Timed>
}

export interface Timed {
  readonly seconds: number
  /** Of all processes together. */
  readonly cpuSeconds: number
  readonly lines: readonly string[]
}

/** What has just started is given this long to become quiet. */
const SETTLE_MS = 1000

export const createCrew = (): Crew => {
  const processes: LineProcess[] = []
  const anyEnd = (): Promise<never>[] =>
    processes.map(async ({ ended, command }) => {
      await ended
      throw new Error(`it ended early: ${command}`)
    })
  const line = (process: LineProcess): Promise<string> => Promise.race([process.line(), ...anyEnd()])
  const cpuSeconds = async (): Promise<number> => {
    const usages = await Promise.all(processes.map(({ pid }) => usageOf(pid)))
    return usages.reduce((total, usage) => total + usage.cpuSeconds, 0)
  }
  return {
    start: (place, program, ...args) => {
      const process = startLineProcess(program, args, place)
      processes.push(process)
      return process
    },
    line,
    time: async (takers, go) => {
      await sleep(SETTLE_MS)
      const before = await cpuSeconds()
      const start = performance.now()
      go()
      const lines = await Promise.all(takers.map(line))
      const seconds = (performance.now() - start) / 1000
      return { seconds, cpuSeconds: (await cpuSeconds()) - before, lines }
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(processes.map((process) => process.kill()))
    },
  }
}
