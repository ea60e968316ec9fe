import type { CatalogStore, Log } from '@hubmesh/content'
import type { RefusedError } from '@hubmesh/trust'
import { MAX_KNOWN_REFUSALS } from './limits.ts'

/** Writes down what was turned away, the same thing once. */
export interface Refusals {
  /** @param about `from` is the peer that sent it, '' where that is not known */
  record(error: RefusedError, about: { subject: string; from: string; publisher?: string }): Promise<void>
}

export const createRefusals = ({ catalogs, log }: { catalogs: CatalogStore; log: Log }): Refusals => {
  const known = new Set<string>()
  return {
    record: async (error, { subject, from, publisher = '' }) => {
      const refusal = {
        kind: error.kind,
        publisher: error.publisher || publisher,
        subject,
        reason: error.message,
        from,
      }
      const key = JSON.stringify(refusal)
      if (known.has(key)) return
      if (known.size >= MAX_KNOWN_REFUSALS) known.clear()
      known.add(key)
      log.warn(refusal, 'signed metadata was refused')
      await catalogs.recordRefusal({ ...refusal, at: new Date().toISOString() })
    },
  }
}
