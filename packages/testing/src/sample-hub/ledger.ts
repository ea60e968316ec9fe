import type { HubRoute } from './faults.ts'

/** One request as it was answered. `bytes` are the bytes of a file sent so far. */
export interface RequestRecord {
  readonly route: HubRoute
  readonly method: string
  /** Path and query, as sent. */
  readonly url: string
  readonly range: string | undefined
  readonly loggedIn: boolean
  /** 0 until it is answered. */
  status: number
  bytes: number
}

export interface Ledger {
  readonly records: readonly RequestRecord[]
  readonly bodyBytes: number
  add(record: RequestRecord): void
  clear(): void
}

const MAX_RECORDS = 10_000

export const createLedger = (): Ledger => {
  const records: RequestRecord[] = []
  let dropped = 0 // bytes of the records that are no longer kept

  return {
    records,
    get bodyBytes() {
      return records.reduce((sum, { bytes }) => sum + bytes, dropped)
    },
    add: (record) => {
      records.push(record)
      if (records.length > MAX_RECORDS) dropped += records.shift()?.bytes ?? 0
    },
    clear: () => {
      records.length = 0
      dropped = 0
    },
  }
}
