import { orAbort } from './waits.ts'

/** One run of a task for all who want the same at the same time. It is ended when the last of them has left. */
export interface Shared<T> {
  join(key: string, signal: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T>
}

interface Run<T> {
  readonly controller: AbortController
  readonly result: Promise<T>
  waiting: number
}

export const createShared = <T>(): Shared<T> => {
  const runs = new Map<string, Run<T>>()

  const forget = (key: string, run: Run<T>): void => {
    if (runs.get(key) === run) runs.delete(key)
  }
  const begin = (key: string, task: (signal: AbortSignal) => Promise<T>): Run<T> => {
    const controller = new AbortController()
    const run: Run<T> = { controller, result: task(controller.signal), waiting: 0 }
    runs.set(key, run)
    const end = (): void => forget(key, run)
    run.result.then(end, end)
    return run
  }

  return {
    join: async (key, signal, task) => {
      signal.throwIfAborted()
      const run = runs.get(key) ?? begin(key, task)
      run.waiting += 1
      try {
        return await orAbort(run.result, signal)
      } finally {
        run.waiting -= 1
        if (run.waiting === 0) {
          forget(key, run)
          run.controller.abort(new Error('nobody waits for it any more'))
        }
      }
    },
  }
}
