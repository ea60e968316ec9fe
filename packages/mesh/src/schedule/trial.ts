import { SECOND } from '../limits.ts'

/** When further connections to a far peer are tried, and when they are kept. Times are milliseconds. */
export interface TrialRules {
  /** After a change nothing is measured for so long: TCP is still finding its rate. */
  readonly settleMs: number
  /** So long it is measured what comes. */
  readonly measureMs: number
  /** They are kept when so many times what one has given comes. */
  readonly gain: number
  /** Where they were of no use they are not tried again before. */
  readonly retryMs: number
}

/**
 * Whether further connections pay off: they are tried when for some seconds one gave less than was wanted, and kept when
 * together they give measurably more. On a line that is full they do not; where losses hold TCP back they do.
 */
export interface Trial {
  /** How things stand. @returns what is to be done about it */
  look(state: TrialState): 'open' | 'close' | undefined
  /** So many stand now: none, if they could not be opened. */
  opened(count: number, now: number): void
  /** There are none any more: because nothing was asked for, or because they were lost. */
  closed(why: 'idle' | 'lost', now: number): void
}

export interface TrialState {
  readonly now: number
  /** More is wanted than is under way, and the path takes no more. */
  readonly isShort: boolean
  /** Bytes that have come so far. */
  readonly heardBytes: number
}

/** A stretch of time in which more was wanted. */
interface Stretch {
  readonly since: number
  shortAt: number
  /** Where the measurement begins. */
  mark: { readonly at: number; readonly heardBytes: number } | undefined
}

/** Nothing wanted for so long ends a stretch; between two chunks it does not. */
const GAP = SECOND

export const createTrial = ({ settleMs, measureMs, gain, retryMs }: TrialRules): Trial => {
  let phase: 'one' | 'opening' | 'several' | 'kept' = 'one'
  let stretch: Stretch | undefined
  /** What one gave, in bytes a ms. */
  let rateOfOne = 0
  let restUntil = -Infinity

  const enter = (next: typeof phase): void => {
    phase = next
    stretch = undefined
  }

  const rest = (now: number): void => {
    enter('one')
    restUntil = now + retryMs
  }

  /** In bytes a ms, once it is known; then the next stretch begins. */
  const measure = ({ now, isShort, heardBytes }: TrialState): number | undefined => {
    if (stretch !== undefined && now - stretch.shortAt > GAP) stretch = undefined
    if (!isShort) return undefined
    stretch ??= { since: now, shortAt: now, mark: undefined }
    stretch.shortAt = now
    if (now - stretch.since < settleMs) return undefined
    stretch.mark ??= { at: now, heardBytes }
    const { at, heardBytes: before } = stretch.mark
    if (now - at < measureMs) return undefined
    stretch = undefined
    return (heardBytes - before) / (now - at)
  }

  const look: Trial['look'] = (state) => {
    if (phase === 'opening' || phase === 'kept' || state.now < restUntil) return undefined
    const rate = measure(state)
    if (rate === undefined) return undefined
    if (phase === 'one') {
      if (rate === 0) return undefined // one that gives nothing gives nothing on several either
      rateOfOne = rate
      enter('opening')
      return 'open'
    }
    if (rate >= rateOfOne * gain) {
      enter('kept')
      return undefined
    }
    rest(state.now)
    return 'close'
  }

  return {
    look,
    opened: (count, now) => {
      if (count === 0) return rest(now)
      restUntil = -Infinity
      enter('several')
    },
    closed: (why, now) => (why === 'lost' ? rest(now) : enter('one')),
  }
}
