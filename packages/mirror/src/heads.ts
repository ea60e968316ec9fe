import {
  type CatalogStore,
  type HeldHead,
  type Log,
  MAX_ENVELOPE_BYTES,
  MESH_AUDIENCE,
  decodeHead,
  decodeValue,
  isObject,
} from '@hubmesh/content'
import { RefusedError, type TrustPolicy, acceptHead } from '@hubmesh/trust'
import { FOLLOW_REPOS, type Limits, MAX_INBOX } from './limits.ts'
import type { Offers } from './offers.ts'
import { createKeyedQueue } from './queue.ts'
import type { Refusals } from './refusals.ts'
import { notReady, withDeadline } from './waits.ts'

/** Judges sealed heads as they are heard, fetches what they name, and commits them. */
export interface Heads {
  /** Takes in a head from a peer, unjudged. Returns at once; what is too much is dropped, and will be heard again. */
  hear(envelope: Uint8Array, from: string): void
  /** Judges what was heard so far, and from now on at once. */
  start(): void
  /** Tries again to fetch what accepted heads name. */
  retry(): void
  stop(): Promise<void>
}

interface Components {
  readonly catalogs: CatalogStore
  readonly offers: Offers
  readonly refusals: Refusals
  readonly log: Log
}

export const createHeads = (
  { catalogs, offers, refusals, log }: Components,
  { policy, limits }: { policy: TrustPolicy; limits: Limits },
): Heads => {
  const inbox: { envelope: Uint8Array; from: string }[] = []
  /** Accepted, but what they name is not all here. */
  const pending = new Map<string, HeldHead>()
  let judging: Promise<void> | undefined
  let running = false
  const queue = createKeyedQueue({
    width: FOLLOW_REPOS,
    onFailure: (publisher, error) => log.info({ err: error, publisher }, 'a catalog could not be fetched yet'),
  })

  const judge = async (envelope: Uint8Array, from: string): Promise<void> => {
    try {
      const held = await acceptHead(envelope, { policy, held: [...pending.values(), ...catalogs.heads()] })
      if (held.head.audience !== MESH_AUDIENCE || catalogs.heads().includes(held)) return
      pending.set(held.head.publisher, held)
      queue.add(held.head.publisher, held.head.root, (signal) => bringIn(held, from, signal))
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      await refusals.record(error, { subject: subjectOf(envelope, error), from })
    }
  }

  const bringIn = async (held: HeldHead, from: string, signal: AbortSignal): Promise<void> => {
    const { publisher, sequence } = held.head
    const forget = (): void => {
      if (pending.get(publisher) === held) pending.delete(publisher)
    }
    try {
      await withDeadline((signal) => offers.stage(held, { signal, hint: from }), {
        signal,
        ms: limits.headMs,
        late: () => notReady('a catalog did not come in time'),
      })
      await catalogs.commitHead(held)
      forget()
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      forget()
      await refusals.record(error, { subject: `catalog ${sequence}`, from })
    }
  }

  const judgeAll = async (): Promise<void> => {
    for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
      try {
        await judge(next.envelope, next.from)
      } catch (error) {
        log.error({ err: error }, 'a catalog head could not be judged')
      }
    }
  }
  const wake = (): void => {
    if (!running || inbox.length === 0) return
    judging ??= judgeAll().finally(() => {
      judging = undefined
      wake()
    })
  }

  return {
    hear: (envelope, from) => {
      if (inbox.length >= MAX_INBOX) return
      inbox.push({ envelope: envelope.slice(0, MAX_ENVELOPE_BYTES + 1), from }) // one byte too many is enough to refuse it
      wake()
    },
    start: () => {
      running = true
      wake()
    },
    retry: () => queue.retry(),
    stop: async () => {
      running = false
      inbox.length = 0
      await judging
      await queue.stop()
    },
  }
}

/** Names the catalog where its signature was good before something else was found wrong. */
const subjectOf = (envelope: Uint8Array, { kind }: RefusedError): string => {
  if (kind !== 'rollback' && kind !== 'equivocation' && kind !== 'expired') return 'catalog'
  const sealed = decodeValue(envelope)
  const payload = isObject(sealed) ? sealed.payload : undefined
  return payload instanceof Uint8Array ? `catalog ${decodeHead(payload).sequence}` : 'catalog'
}
