import type { Clock } from './clock.ts'

/**
 * Bytes over links, as a fluid: all flows that have something to send share the links on their way as TCP does on average,
 * each as much as the fullest of its links gives it (max-min fairness).
 */

/** One direction of a line: a node's up- or downlink, or what goes from one site to another. */
export interface Link {
  /** Payload bytes a second: what headers take is off already. */
  readonly rate: number
  // How it is shared now:
  /** What acknowledgements of what goes the other way leave of it. */
  free: number
  flows: number
  /** What those take that another link, or TCP, gives less than their part of this one; and how many they are. */
  lessRate: number
  less: number
  /** The part of each of the others. */
  part: number
}

/** What goes from one node to another, one thing after the other. */
export interface Flow {
  readonly links: readonly Link[]
  /** Those on the way back, which acknowledgements take. */
  readonly back: readonly Link[]
  readonly rttMs: number
  /** Bytes of the thing that is being sent which have not left; nothing is being sent at 0. */
  left: number
  /** All that have left. */
  sent: number
  /** Bytes a second now. */
  rate: number
  /** The most that TCP has under way now. */
  window: number
  pausedAt: number
  /** Called when the thing has left; it may begin the next. */
  readonly onSent: () => void
}

export interface Network {
  /** Starts to send so many bytes over a flow that sends nothing. */
  send(flow: Flow, bytes: number): void
  /** Sends no more. */
  stop(flow: Flow): void
  /** Goes on by one step. */
  step(): void
}

/** What of a line's bytes is payload: 1 448 of the 1 514 of a frame, less 0.4 % for noise, yamux and our own headers. */
const PAYLOAD_PART = (1448 / 1514) * 0.996
/** What acknowledgements take of the way back, in payload bytes for each payload byte: a frame of 66 for two segments. */
const ACK_PART = (66 / (2 * 1448)) * PAYLOAD_PART
/** TCP begins with ten segments (RFC 6928), and anew after a pause. */
const FIRST_WINDOW = 14_480
const MAX_WINDOW = 1e9
const PAUSE_MS = 300
/** Rounds of sharing: each comes closer to what is fair. */
const ROUNDS = 5

export const createLink = (mbits: number): Link => {
  const rate = ((mbits * 1e6) / 8) * PAYLOAD_PART
  return { rate, free: rate, flows: 0, lessRate: 0, less: 0, part: 0 }
}

export const createFlow = (
  way: Pick<Flow, 'links' | 'back'>,
  { rttMs, onSent }: Pick<Flow, 'rttMs' | 'onSent'>,
): Flow => ({
  ...way,
  rttMs,
  left: 0,
  sent: 0,
  rate: 0,
  window: FIRST_WINDOW,
  pausedAt: 0,
  onSent,
})

export const createNetwork = (clock: Clock): Network => {
  const active = new Set<Flow>()
  let changed = false

  /** When something has left, the next one goes on within the step. */
  const move = (flow: Flow): void => {
    let room = (flow.rate * clock.stepMs) / 1000
    while (room > 0 && flow.left > 0) {
      const bytes = Math.min(room, flow.left)
      room -= bytes
      flow.left -= bytes
      flow.sent += bytes
      if (flow.left < 1e-6) {
        flow.left = 0
        flow.onSent()
      }
    }
    if (flow.left === 0) pause(flow)
  }

  const pause = (flow: Flow): void => {
    if (!active.delete(flow)) return
    flow.rate = 0
    flow.pausedAt = clock.now()
    changed = true
  }

  /** A window doubles each round trip while it is what limits. True when one did. */
  const widen = (): boolean => {
    let widened = false
    for (const flow of active) {
      if (flow.window >= MAX_WINDOW || flow.rate < 0.9 * limitOf(flow)) continue
      flow.window = Math.min(MAX_WINDOW, flow.window * 2 ** (clock.stepMs / flow.rttMs))
      widened = true
    }
    return widened
  }

  return {
    send: (flow, bytes) => {
      flow.left = bytes
      if (active.has(flow)) return
      if (clock.now() - flow.pausedAt > PAUSE_MS) flow.window = FIRST_WINDOW
      active.add(flow)
      changed = true
    },
    stop: (flow) => {
      flow.left = 0
      pause(flow)
    },
    step: () => {
      if (widen() || changed) share(active)
      changed = false
      for (const flow of active) move(flow)
    },
  }
}

const limitOf = ({ window, rttMs }: Flow): number => (window * 1000) / rttMs

/** Each link's part is what is left by those that get less elsewhere, among the others; then again with what that changed. */
const share = (active: ReadonlySet<Flow>): void => {
  acknowledge(active)
  for (const flow of active) for (const link of flow.links) Object.assign(link, { flows: 0, part: 0 })
  for (const flow of active) for (const link of flow.links) link.flows += 1
  for (const flow of active) {
    for (const link of flow.links) link.part = link.free / link.flows
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const flow of active) {
      flow.rate = limitOf(flow)
      for (const link of flow.links) {
        flow.rate = Math.min(flow.rate, link.part)
        link.lessRate = 0
        link.less = 0
      }
    }
    for (const flow of active) {
      for (const link of flow.links) {
        if (flow.rate >= link.part) continue
        link.lessRate += flow.rate
        link.less += 1
      }
    }
    for (const flow of active)
      for (const link of flow.links)
        if (link.less < link.flows) link.part = (link.free - link.lessRate) / (link.flows - link.less)
  }
  fit(active)
}

/** For what was sent so far: a step later it is what is sent now. Where they would take most of a line, TCP sends fewer. */
const acknowledge = (active: ReadonlySet<Flow>): void => {
  for (const { links, back } of active) {
    for (const link of links) link.free = link.rate
    for (const link of back) link.free = link.rate
  }
  for (const { back, rate } of active)
    for (const link of back) link.free = Math.max(link.rate / 2, link.free - rate * ACK_PART)
}

/** No link carries more than it can. */
const fit = (active: ReadonlySet<Flow>): void => {
  for (const flow of active) for (const link of flow.links) link.lessRate = 0
  for (const flow of active) for (const link of flow.links) link.lessRate += flow.rate
  for (const flow of active) {
    let scale = 1
    for (const link of flow.links) scale = Math.min(scale, link.free / link.lessRate)
    flow.rate *= scale
  }
}
