/** Simulated time, in steps: what is to happen within a step happens at its end, in the order in which it was put in. */
export interface Clock {
  readonly stepMs: number
  /** Milliseconds since the start. */
  now(): number
  /** Does something later, in the next step at the earliest. */
  after(ms: number, run: () => void): void
  /** Goes on by one step. */
  step(): void
}

export const createClock = (stepMs: number): Clock => {
  const due = new Map<number, (() => void)[]>()
  let at = 0
  return {
    stepMs,
    now: () => at * stepMs,
    after: (ms, run) => {
      const when = at + Math.max(1, Math.round(ms / stepMs))
      const others = due.get(when)
      if (others === undefined) due.set(when, [run])
      else others.push(run)
    },
    step: () => {
      at += 1
      const runs = due.get(at) ?? []
      due.delete(at)
      for (const run of runs) run()
    },
  }
}
