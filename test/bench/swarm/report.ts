import { type Result, atMost } from '../measure.ts'
import type { Measured } from './others.ts'
import type { Spread } from './spread.ts'

/** A figure that each way of spreading has. */
export interface Figure<S extends Spread> {
  readonly what: string
  readonly of: (spread: S) => number
  /** Behind the point. */
  readonly digits: number
  /** The bar for ours. */
  readonly limit?: number
}

/** Each figure of ours, and below it those of the others, with their ratio to ours. */
export const report = <S extends Spread>(
  ours: S,
  others: readonly Measured<S>[],
  figures: readonly Figure<S>[],
): Result[] => [
  ...figures.flatMap((figure) => [
    ourLine(figure, ours),
    ...others.flatMap((other) => ('spread' in other ? [theirLine(figure, ours, other)] : [])),
  ]),
  ...others.flatMap((other) => ('whyNot' in other ? [notMeasured(other)] : [])),
]

const ourLine = <S extends Spread>({ what, of, digits, limit }: Figure<S>, ours: S): Result =>
  limit === undefined
    ? { what: `  ${what}`, figure: of(ours).toFixed(digits) }
    : atMost(`  ${what}`, of(ours), limit, '')

const theirLine = <S extends Spread>(
  { of, digits }: Figure<S>,
  ours: S,
  { name, spread }: { name: string; spread: S },
): Result => ({
  what: `    ${name} ${of(spread).toFixed(digits)} ours ${of(ours).toFixed(digits)}`,
  figure: `${(of(spread) / of(ours)).toFixed(2)} of ours`,
})

const notMeasured = ({ name, whyNot }: { name: string; whyNot: string }): Result => ({
  what: `  NOT MEASURED: ${name}`,
  figure: whyNot,
})
