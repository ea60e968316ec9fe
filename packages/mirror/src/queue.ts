/**
 * Background work by key, a few keys at a time: a newer task ends the older one of its key. What failed is kept for another
 * try.
 */
export interface KeyedQueue {
  /** `id` says what the task would bring about: one under way or waiting with the same id is left alone. */
  add(key: string, id: string, run: (signal: AbortSignal) => Promise<void>): void
  /** Tries everything again that has failed. */
  retry(): void
  /** Ends what runs, and waits for its end. */
  stop(): Promise<void>
}

interface Task {
  readonly id: string
  run(signal: AbortSignal): Promise<void>
}

interface Running {
  readonly task: Task
  readonly controller: AbortController
  readonly ended: Promise<void>
}

export const createKeyedQueue = (options: {
  width: number
  onFailure: (key: string, error: unknown) => void
}): KeyedQueue => {
  const waiting = new Map<string, Task>()
  const running = new Map<string, Running>()
  const failed = new Map<string, Task>()
  let stopped = false

  const run = async (key: string, task: Task, signal: AbortSignal): Promise<void> => {
    try {
      await task.run(signal)
    } catch (error) {
      if (signal.aborted) return
      if (!waiting.has(key)) failed.set(key, task)
      options.onFailure(key, error)
    }
  }
  const start = (key: string, task: Task): void => {
    const controller = new AbortController()
    const ended = run(key, task, controller.signal).finally(() => {
      running.delete(key)
      pump()
    })
    running.set(key, { task, controller, ended })
  }
  const pump = (): void => {
    for (const [key, task] of waiting) {
      if (stopped || running.size >= options.width) return
      if (running.has(key)) continue
      waiting.delete(key)
      start(key, task)
    }
  }

  return {
    add: (key, id, run) => {
      const current = running.get(key)
      if (stopped || (waiting.get(key) ?? current?.task)?.id === id) return
      failed.delete(key)
      waiting.set(key, { id, run })
      current?.controller.abort(new Error('something newer is wanted'))
      pump()
    },
    retry: () => {
      for (const [key, task] of failed) if (!waiting.has(key)) waiting.set(key, task)
      failed.clear()
      pump()
    },
    stop: async () => {
      stopped = true
      waiting.clear()
      for (const { controller } of running.values()) controller.abort(new Error('this node is stopping'))
      await Promise.all([...running.values()].map(({ ended }) => ended))
    },
  }
}
