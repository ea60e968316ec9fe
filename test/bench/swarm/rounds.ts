import { MIB } from '@hubmesh/content'
import { median } from '../measure.ts'

/** Bytes of a file of so many MiB, or of what `SIZE` in the environment says instead: to try the bench, not to measure. */
export const sizeOf = (mebibytes: number): number => Number(process.env['SIZE'] ?? mebibytes) * MIB

/** Measures so many times, or as often as `ROUNDS` in the environment says, one after another; gives the median of each figure. */
export const repeat = async <T extends object>(rounds: number, measure: () => Promise<T>): Promise<T> => {
  const measured: T[] = []
  for (let round = Number(process.env['ROUNDS'] ?? rounds); round > 0; round -= 1) measured.push(await measure())
  const [first] = measured
  const names = Object.keys(first ?? {}) as (keyof T)[]
  return Object.fromEntries(names.map((name) => [name, median(measured.map((one) => Number(one[name])))])) as T
}
