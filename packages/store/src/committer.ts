/**
 * Group commit: while one batch is being made durable, the changes of other callers gather for the next. Changes are applied
 * in the order in which they were given.
 */
export const createCommitter = <T>(
  apply: (changes: readonly T[]) => Promise<void>,
): ((changes: readonly T[]) => Promise<void>) => {
  let gathering: { readonly changes: T[]; readonly done: Promise<void> } | undefined
  let last: Promise<void> = Promise.resolve()

  const begin = (): { changes: T[]; done: Promise<void> } => {
    const changes: T[] = []
    const done = last.then(() => {
      gathering = undefined
      return apply(changes)
    })
    last = done.catch(() => {}) // each caller hears of the failure of its own batch
    return { changes, done }
  }

  return async (changes) => {
    if (changes.length === 0) return
    gathering ??= begin()
    for (const change of changes) gathering.changes.push(change) // they may be more than a call takes arguments
    await gathering.done
  }
}
