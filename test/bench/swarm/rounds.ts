import { median } from '../measure.ts'

const ROUNDS = Number(process.env['ROUNDS'] ?? 3)

/** Measures several times, one after another; gives the median of each figure. */
export const repeat = async <T extends object>(measure: () => Promise<T>): Promise<Record<keyof T, number>> => {
  const rounds: T[] = []
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await measure())
  const [first] = rounds
  const names = Object.keys(first ?? {}) as (keyof T)[]
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((round) => Number(round[name])))])) as Record<
    keyof T,
    number
  >
}
