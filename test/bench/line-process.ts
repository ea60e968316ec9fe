import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A process that is talked to in lines. */
export interface LineProcess {
  readonly pid: number
  /** Its next line. @throws Error when it has ended */
  line(): Promise<string>
  write(line: string): void
  kill(): void
}

export const startLineProcess = (program: string, args: readonly string[]): LineProcess => {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    pid: child.pid ?? 0,
    line: async () => {
      const next = await lines.next()
      if (next.done === true) throw new Error(`a process ended: ${program} ${args.join(' ')}`)
      return next.value
    },
    write: (line) => void child.stdin.write(`${line}\n`),
    kill: () => void child.kill(),
  }
}
