import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Place } from '../integration/local-swarm.ts'

/** A process that is talked to in lines. */
export interface LineProcess {
  readonly pid: number
  /** As it was started. */
  readonly command: string
  /** Its next line. @throws Error when it has ended */
  line(): Promise<string>
  write(line: string): void
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

/** @param place @default here */
export const startLineProcess = (program: string, args: readonly string[], place?: Place): LineProcess => {
  const [first = program, ...rest] = [...(place?.command ?? []), program, ...args]
  const command = [first, ...rest].join(' ')
  const child = spawn(first, rest, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  child.stdin.on('error', () => {}) // it has ended, which the next line tells
  return {
    pid: child.pid ?? 0,
    command,
    line: async () => {
      const next = await lines.next()
      if (next.done === true) throw new Error(`a process ended: ${command}`)
      return next.value
    },
    write: (line) => void child.stdin.write(`${line}\n`),
    ended,
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}
