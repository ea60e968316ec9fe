/**
 * Which chunk is asked of whom, and when that is over: a room of its own without I/O, timers or a clock, so that the
 * simulator in `test/simulator` runs the very code of a node.
 *
 *     const scheduler = createScheduler({ self })
 *     scheduler.link(path)
 *     scheduler.want(want, now)
 *     for (const request of scheduler.next(now)) ask(request)      // and later: scheduler.ended(request, 'arrived', now)
 */
export { type Traffic, createChunkBuckets } from './chunk-buckets.ts'
export { type Goodput, createGoodput } from './goodput.ts'
export type { Holdings } from './holdings.ts'
export { type Path, createPath } from './path.ts'
export { type Outcome, type Scheduler, createScheduler } from './scheduler.ts'
export type { Request, Want, Wanted } from './wants.ts'
export { type TrialRules, createTrial } from './trial.ts'
