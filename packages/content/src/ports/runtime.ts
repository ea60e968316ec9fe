import type { Counters } from '../status.ts'

/** Structured logging, as pino has it. Never give it a secret. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** A log for one room: `LOG_LEVEL=mesh:debug` opens it. */
  room(name: string): Log
}

/** The node's counters: rooms add to them, status reads them. */
export interface Meter {
  add(name: keyof Counters, amount: number): void
  read(): Counters
}

/** A log that keeps nothing, for tests and tools. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  room: () => silentLog,
}
